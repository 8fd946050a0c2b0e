package main

import (
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

const (
	recordMagic = 0x31525952 // RYR1
	headerBytes = 32
	// diskPause is how long nothing is written after a failed write: asking a full file system again
	// for each chunk may cost milliseconds, which the trainer would feel.
	diskPause = 50 * time.Millisecond
)

// segment is one file of records that is on the disk.
type segment struct {
	number int64
	bytes  int64
	// payload bytes of stdout and stderr in it
	payload [2]uint64
}

// segments is the bounded store of output: a head that is kept, a tail whose oldest goes first.
type segments struct {
	segmentBytes, headBytes, totalBytes int64

	fd      int
	current segment
	head    int64     // number of the last segment that is kept for ever
	inHead  int64     // bytes in those
	tail    []segment // closed ones that may be deleted, oldest first
	bytes   int64     // of all segments on the disk
	kept    [2]uint64 // payload bytes on the disk
	failing string    // what the last write said; empty when it worked
	pause   time.Time
}

func newSegments(plan *launch) *segments {
	most := plan.TailBytes/(plan.SegmentBytes/2) + 2
	return &segments{
		segmentBytes: plan.SegmentBytes,
		headBytes:    plan.HeadBytes,
		totalBytes:   plan.HeadBytes + plan.TailBytes,
		fd:           -1,
		tail:         make([]segment, 0, min(most, 1024)),
	}
}

// append writes one record, whole or not at all.
func (s *segments) append(stream int, record []byte, now time.Time) {
	if s.failing != "" && now.Before(s.pause) {
		return
	}
	size := int64(len(record))
	if s.fd >= 0 && s.current.bytes+size > s.segmentBytes {
		s.seal()
	}
	for s.bytes+size > s.totalBytes && len(s.tail) > 0 {
		s.evict()
	}
	if s.fd < 0 && !s.open(now) {
		return
	}
	n, err := unix.Pwrite(s.fd, record, s.current.bytes)
	if n != len(record) {
		if err == nil {
			// The part that fitted was written; what follows is what the next write would say.
			err = unix.ENOSPC
		}
		s.cutBack()
		s.failed(err, now)
		return
	}
	if s.failing != "" {
		// With the reason, because the first complaint may have found no space either.
		complain("output is written again, after: " + s.failing)
		s.failing = ""
	}
	payload := uint64(size - headerBytes)
	s.current.bytes += size
	s.current.payload[stream] += payload
	s.bytes += size
	s.kept[stream] += payload
}

func (s *segments) open(now time.Time) bool {
	fd, err := unix.Open(segmentName(s.current.number+1),
		unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, 0o600)
	if err != nil {
		s.failed(err, now)
		return false
	}
	s.fd = fd
	s.current = segment{number: s.current.number + 1}
	return true
}

// seal closes the current segment and files it under head or tail.
func (s *segments) seal() {
	_ = unix.Close(s.fd)
	s.fd = -1
	isHead := s.head == s.current.number-1 && s.inHead+s.current.bytes <= s.headBytes
	if isHead {
		s.head = s.current.number
		s.inHead += s.current.bytes
		return
	}
	s.tail = append(s.tail, s.current)
}

func (s *segments) evict() {
	oldest := s.tail[0]
	// Copied down, so that the slice never grows.
	s.tail = s.tail[:copy(s.tail, s.tail[1:])]
	_ = unix.Unlink(segmentName(oldest.number))
	s.bytes -= oldest.bytes
	for stream, payload := range oldest.payload {
		s.kept[stream] -= payload
	}
}

// cutBack removes a record that was written in part. A segment that cannot be cut is given up: its
// torn end is skipped by readers, because a newer segment follows.
func (s *segments) cutBack() {
	if unix.Ftruncate(s.fd, s.current.bytes) != nil {
		s.seal()
	}
}

func (s *segments) failed(err error, now time.Time) {
	if s.failing == "" {
		complain("output is dropped: " + err.Error())
	}
	s.failing = err.Error()
	s.pause = now.Add(diskPause)
}

func (s *segments) close() {
	if s.fd >= 0 {
		_ = unix.Close(s.fd)
	}
}

// numbers is the range of segments on the disk; between head and tail some may be missing.
func (s *segments) numbers() segmentRange {
	first := s.current.number
	switch {
	case s.head > 0:
		first = 1
	case len(s.tail) > 0:
		first = s.tail[0].number
	}
	return segmentRange{first, s.current.number}
}

func segmentName(number int64) string {
	text := strconv.FormatInt(number, 10)
	for len(text) < 6 {
		text = "0" + text
	}
	return "out." + text
}
