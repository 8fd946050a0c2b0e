package main

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// reap collects every child, orphans of the trainer too, until none is left; it calls ended once,
// when the trainer itself is among them.
func reap(t *trainer, ended func(*exitRecord)) {
	for {
		var status unix.WaitStatus
		var usage unix.Rusage
		pid, err := unix.Wait4(-1, &status, 0, &usage)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return
		}
		if pid == t.pid {
			ended(t.endOf(status, &usage))
		}
	}
}

func (t *trainer) endOf(status unix.WaitStatus, usage *unix.Rusage) *exitRecord {
	now := time.Now()
	end := &exitRecord{
		V:         1,
		Kind:      "exited",
		StartedAt: timestamp(t.startedAt),
		EndedAt:   timestamp(now),
		WallMs:    now.Sub(t.startedAt).Milliseconds(),
		Rusage: &usageRecord{
			UserMs:    usage.Utime.Nano() / int64(time.Millisecond),
			SystemMs:  usage.Stime.Nano() / int64(time.Millisecond),
			MaxRssKib: usage.Maxrss,
		},
	}
	if status.Signaled() {
		name, core := signalName(status.Signal()), status.CoreDump()
		end.Kind, end.Signal, end.Core = "signaled", &name, &core
		return end
	}
	code := status.ExitStatus()
	end.Code = &code
	return end
}

// refused is the end of an attempt whose trainer never executed an instruction.
func refused(kind string, errno syscall.Errno, message string) *exitRecord {
	now := timestamp(time.Now())
	name, text := errnoName(errno), message+": "+errno.Error()
	return &exitRecord{
		V: 1, Kind: kind, Errno: &name, Message: &text, StartedAt: now, EndedAt: now,
	}
}
