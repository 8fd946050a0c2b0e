package main

import (
	"encoding/binary"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// maxPayload bounds a record: readers hold a whole one in a block, and eight fill a segment of 1 MiB.
const maxPayload = 128<<10 - headerBytes

// pump moves both pipes into segments. It is one thread with one buffer: after its start nothing is
// allocated, and the only waiting is for the trainer.
type pump struct {
	segments *segments
	grace    time.Duration
	fds      [2]int
	// read counts the bytes that were read from each stream, written or not.
	read   [2]uint64
	wake   int
	ended  atomic.Bool
	buffer []byte
}

func newPump(plan *launch, readEnds [2]int) *pump {
	// Without an eventfd the end of the trainer is seen by polling; see run.
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		complain("eventfd: " + err.Error())
		wake = -1
	}
	payload := min(maxPayload, plan.SegmentBytes-headerBytes)
	return &pump{
		segments: newSegments(plan),
		grace:    time.Duration(plan.DrainGraceMs) * time.Millisecond,
		fds:      readEnds,
		wake:     wake,
		buffer:   make([]byte, headerBytes+payload),
	}
}

// trainerEnded may be called from any thread, once.
func (p *pump) trainerEnded() {
	p.ended.Store(true)
	if p.wake >= 0 {
		_, _ = unix.Write(p.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	}
}

// run returns when the trainer ended and no more output can come, or the grace is over for
// descendants that still hold the pipes.
func (p *pump) run() *drainedRecord {
	const pollWithoutWake = 20
	poll := make([]unix.PollFd, 3)
	var deadline time.Time
	for {
		timeout := -1
		if p.wake < 0 {
			timeout = pollWithoutWake
		}
		open := p.fds[0] >= 0 || p.fds[1] >= 0
		if p.ended.Load() {
			if !open {
				break
			}
			if deadline.IsZero() {
				deadline = time.Now().Add(p.grace)
				poll[2].Fd = -1
				p.wake = -1
			}
			left := time.Until(deadline)
			if left <= 0 {
				break
			}
			timeout = int((left + time.Millisecond - 1) / time.Millisecond)
		}
		poll[0] = unix.PollFd{Fd: int32(p.fds[0]), Events: unix.POLLIN}
		poll[1] = unix.PollFd{Fd: int32(p.fds[1]), Events: unix.POLLIN}
		poll[2] = unix.PollFd{Fd: int32(p.wake), Events: unix.POLLIN}
		if _, err := unix.Poll(poll, timeout); err != nil {
			continue
		}
		for stream := range p.fds {
			if poll[stream].Revents != 0 {
				p.move(stream)
			}
		}
	}
	return p.close()
}

// move takes what one read gives.
func (p *pump) move(stream int) {
	n, err := unix.Read(p.fds[stream], p.buffer[headerBytes:])
	if err == unix.EAGAIN || err == unix.EINTR {
		return
	}
	if n <= 0 {
		_ = unix.Close(p.fds[stream])
		p.fds[stream] = -1
		return
	}
	now := time.Now()
	header := p.buffer[:headerBytes]
	binary.LittleEndian.PutUint32(header[0:], recordMagic)
	binary.LittleEndian.PutUint32(header[4:], uint32(stream+1))
	binary.LittleEndian.PutUint64(header[8:], uint64(n))
	binary.LittleEndian.PutUint64(header[16:], p.read[stream])
	binary.LittleEndian.PutUint64(header[24:], uint64(now.UnixNano()))
	p.read[stream] += uint64(n)
	failpoint("recorder.output")
	p.segments.append(stream, p.buffer[:headerBytes+n], now)
}

func (p *pump) close() *drainedRecord {
	drained := newDrained(p.fds[0] < 0 && p.fds[1] < 0)
	for _, fd := range p.fds {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
	}
	p.segments.close()
	kept := p.segments.kept
	drained.Stdout = streamTotals{p.read[0], p.read[0] - kept[0]}
	drained.Stderr = streamTotals{p.read[1], p.read[1] - kept[1]}
	drained.Segments = p.segments.numbers()
	return drained
}
