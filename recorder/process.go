package main

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// settleProcess makes us independent of our launcher, and the parent of all orphans of the trainer.
func settleProcess() {
	// Whatever the launcher leaked would be held open for days, or reach the trainer.
	_ = unix.CloseRange(3, ^uint(0), 0)
	unix.Umask(0o077)
	if session, _ := unix.Getsid(0); session != os.Getpid() {
		_, _ = unix.Setsid()
	}
	_ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
}

// action is the kernel's struct sigaction, with its mask of 8 bytes.
type action struct{ handler, flags, restorer, mask uintptr }

const (
	lastSignal     = 64
	maskBytes      = 8
	defaultHandler = 0
	ignoreHandler  = 1
)

// settleSignals undoes the dispositions and the mask that a launcher (nohup, a shell) may have left,
// so that the trainer starts with what a plain spawn gives: all default, none blocked. What the
// runtime itself catches is reset to the default by its fork.
func settleSignals() {
	for number := unix.Signal(1); number <= lastSignal; number++ {
		var now action
		if sigaction(number, nil, &now) && now.handler == ignoreHandler {
			sigaction(number, &action{handler: defaultHandler}, nil)
		}
	}
	var none unix.Sigset_t
	_ = unix.PthreadSigmask(unix.SIG_SETMASK, &none, nil)
}

// survived are the signals that must not end a recorder. Those that stop a process from a terminal
// are not among them: they have no effect in a session of its own.
var survived = []unix.Signal{
	unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGPIPE, unix.SIGUSR1, unix.SIGUSR2,
	unix.SIGALRM, unix.SIGVTALRM, unix.SIGPROF, unix.SIGIO, unix.SIGPWR, unix.SIGXCPU, unix.SIGXFSZ,
}

// surviveSignals is called right after the fork. Not before: exec would hand ignored signals on to
// the trainer, and a signal that ends us earlier does no harm, because nothing runs yet. Not with
// os/signal: that takes a millisecond and a thread.
func surviveSignals() {
	for _, number := range survived {
		sigaction(number, &action{handler: ignoreHandler}, nil)
	}
}

func sigaction(number unix.Signal, wanted, before *action) bool {
	_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(number),
		uintptr(unsafe.Pointer(wanted)), uintptr(unsafe.Pointer(before)), maskBytes, 0, 0)
	return errno == 0
}

// detachStdio lets go of the launcher's pipes, which it may want to read until their end.
func detachStdio() {
	null, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	for target := 0; target <= 2; target++ {
		_ = unix.Dup3(null, target, 0)
	}
	_ = unix.Close(null)
}
