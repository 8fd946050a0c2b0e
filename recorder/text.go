package main

import (
	"errors"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// complain adds a line to recorder.log. For rare events only: never once per chunk.
func complain(message string) {
	file, err := os.OpenFile("recorder.log", os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return
	}
	_, _ = file.WriteString(timestamp(time.Now()) + " " + message + "\n")
	_ = file.Close()
}

func timestamp(at time.Time) string {
	return at.UTC().Format("2006-01-02T15:04:05.000000Z")
}

func decimal(value int) string { return strconv.Itoa(value) }

// errnoName is the symbol of an error number: ENOENT.
func errnoName(errno syscall.Errno) string {
	if name := unix.ErrnoName(errno); name != "" {
		return name
	}
	return "E" + decimal(int(errno))
}

// signalName is the symbol of a signal: SIGTERM, SIGRTMIN+1.
func signalName(number syscall.Signal) string {
	if name := unix.SignalName(number); name != "" {
		return name
	}
	const firstRealTime = 34
	if number >= firstRealTime {
		return "SIGRTMIN+" + decimal(int(number)-firstRealTime)
	}
	return "SIG" + decimal(int(number))
}

// errnoOf is the number inside an error of os or syscall; EIO where there is none.
func errnoOf(err error) syscall.Errno {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return syscall.EIO
}
