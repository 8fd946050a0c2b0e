// Command recorder is the small parent of one trainer. It starts the trainer at most once, keeps its
// pipes open, writes all its output into bounded segments and writes down how it ended. It knows
// nothing but the attempt's directory; docs/protocol.md is its contract.
package main

import (
	"bytes"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"golang.org/x/sys/unix"
)

// Exit codes of the recorder itself. How the trainer ended is in the file `exit`.
const (
	codeFailed    = 1 // nothing was claimed, for the reason on stderr
	codeUsage     = 2 // bad command line or launch.json; nothing was claimed
	codeClaimed   = 3 // another recorder owns the attempt
	codeVoided    = 4 // the attempt was declared never started
	codeOtherBoot = 5 // launch.json was written before the machine restarted
	codeHeld      = 6 // --try-lock: somebody holds one of the files
)

// memoryBytes is where the garbage collector begins to work, well above what a recorder needs.
const memoryBytes = 16 << 20

func main() {
	// The trainer inherits the signal mask of the thread that forks it; see settleSignals.
	runtime.LockOSThread()
	if len(os.Args) > 2 && os.Args[1] == "--try-lock" {
		os.Exit(tryLocks(os.Args[2:]))
	}
	if len(os.Args) == 2 && os.Args[1] == "--notify" {
		os.Exit(notify(os.Getenv("NOTIFY_SOCKET")))
	}
	if len(os.Args) != 2 {
		fail(codeUsage, "usage: recorder <attempt-dir> | --wait | --notify | --try-lock <file>...")
	}
	settleProcess()
	settleSignals()
	directory := os.Args[1]
	if directory == "--wait" {
		if directory = awaitDirectory(); directory == "" {
			return
		}
	}
	if err := unix.Chdir(directory); err != nil {
		fail(codeUsage, directory+": "+err.Error())
	}
	plan, err := readLaunch()
	if err != nil {
		fail(codeUsage, "launch.json: "+err.Error())
	}
	boot, err := bootID()
	if err != nil {
		fail(codeFailed, "boot id: "+err.Error())
	}
	if plan.BootID != boot {
		fail(codeOtherBoot, "launch.json is of another boot")
	}
	failpoint("recorder.begun")
	makeClaim(plan, boot)
	refuseVoided()
	failpoint("recorder.claimed")
	record(plan)
}

// aloneWait is how long the last orphan may take to be reaped before it counts as left behind.
const aloneWait = 2 * time.Millisecond

// record takes the claimed attempt to its end.
func record(plan *launch) {
	trainer := newTrainer(plan)
	refusal := trainer.prepare()
	if refusal == nil {
		failpoint("recorder.prepared")
		trainer.start = makeStart(plan)
		failpoint("recorder.start-made")
		refusal = trainer.spawn()
	}
	detachStdio()
	if refusal != nil {
		writeExit(refusal)
		drained := newDrained(true)
		drained.Alone = true
		writeDrained(drained)
		return
	}

	// Next to nothing is allocated from here on: collect by need, not by the clock.
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(memoryBytes)
	pump := newPump(plan, trainer.readEnds)
	keepRoom("exit")
	keepRoom("drained")
	exitWritten := make(chan struct{})
	reaped := make(chan struct{})
	go func() {
		reap(trainer, func(end *exitRecord) {
			// Syncing takes its time and waits on a full disk; meanwhile pipes are drained, orphans reaped.
			go func() {
				failpoint("recorder.reaped")
				writeExit(end)
				failpoint("recorder.exit-written")
				close(exitWritten)
			}()
			pump.trainerEnded()
		})
		close(reaped)
	}()
	drained := pump.run()
	trainer.releaseLocks()
	<-exitWritten
	select {
	case <-reaped:
		drained.Alone = true
	case <-time.After(aloneWait):
	}
	failpoint("recorder.drained")
	writeDrained(drained)
	failpoint("recorder.done")
}

// awaitDirectory is the line that a launcher writes to a recorder started in advance: a process takes
// milliseconds to start, a line takes none. Empty when the launcher went without one.
func awaitDirectory() string {
	line := make([]byte, 0, 4096)
	for len(line) < cap(line) {
		n, err := unix.Read(0, line[len(line):cap(line)])
		if err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 {
			return ""
		}
		line = line[:len(line)+n]
		if end := bytes.IndexByte(line, '\n'); end >= 0 {
			return string(line[:end])
		}
	}
	return ""
}

// fail ends a recorder that owns nothing yet.
func fail(code int, message string) {
	_, _ = os.Stderr.WriteString("recorder: " + message + "\n")
	os.Exit(code)
}
