package main

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// pipeBytes gives a trainer room to go on while a disk hesitates.
const pipeBytes = 1 << 20

// trainer is the one child that we start.
type trainer struct {
	plan        *launch
	environment []string
	program     string
	locks       []int
	// start is the descriptor of that file, for its second line.
	start     int
	readEnds  [2]int
	pid       int
	startedAt time.Time
}

func newTrainer(plan *launch) *trainer { return &trainer{plan: plan} }

// prepare does all that can be refused before the attempt counts as started. Nil means: go on.
func (t *trainer) prepare() *exitRecord {
	var err error
	if t.environment, err = t.plan.environment(); err != nil {
		return refused("notstarted", errnoOf(err), "cannot read the environment: "+err.Error())
	}
	if errno := enterable(t.plan.Cwd); errno != 0 {
		return refused("notstarted", errno, "cannot enter the working directory "+t.plan.Cwd)
	}
	if end := t.takeLocks(t.plan.GpuLocksShared, unix.LOCK_SH); end != nil {
		return end
	}
	if end := t.takeLocks(t.plan.GpuLocks, unix.LOCK_EX); end != nil {
		return end
	}
	program, errno := lookProgram(t.plan.Argv[0], t.plan.Cwd, t.environment)
	if errno != 0 {
		return refused("noexec", errno, "cannot find the program "+t.plan.Argv[0]+" in PATH")
	}
	t.program = program
	return nil
}

func (t *trainer) takeLocks(paths []string, how int) *exitRecord {
	for _, path := range paths {
		lock, err := takeLock(path, how)
		if err == unix.EWOULDBLOCK {
			end := refused("notstarted", unix.EWOULDBLOCK, "held by another process: "+path)
			// The number has two names; this one says what happened.
			*end.Errno = "EWOULDBLOCK"
			return end
		}
		if err != nil {
			return refused("notstarted", errnoOf(err), "cannot lock "+path)
		}
		t.locks = append(t.locks, lock)
	}
	return nil
}

// spawn forks the trainer and completes the file `start`. Nil means: it runs.
func (t *trainer) spawn() *exitRecord {
	null, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return refused("notstarted", errnoOf(err), "cannot open /dev/null")
	}
	var writeEnds [2]int
	for i := range writeEnds {
		if t.readEnds[i], writeEnds[i], err = makePipe(); err != nil {
			return refused("notstarted", errnoOf(err), "cannot make a pipe")
		}
	}
	files := []uintptr{uintptr(null), uintptr(writeEnds[0]), uintptr(writeEnds[1])}
	for _, lock := range t.locks {
		files = append(files, uintptr(lock))
	}

	restoreOom := raiseOomScore(t.plan.OomScoreAdj)
	unix.Umask(t.plan.Umask)
	t.startedAt = time.Now()
	t.pid, err = t.fork(files)
	surviveSignals()
	failpoint("recorder.forked")
	unix.Umask(0o077)
	restoreOom()
	for _, fd := range files[:3] {
		_ = unix.Close(int(fd))
	}
	if err != nil {
		return t.forkRefused(errnoOf(err))
	}

	// A fork that nobody can identify still counts as started, so that a failure here is only noted.
	startTime, err := startTimeOf(decimal(t.pid))
	if err == nil {
		err = writeWhole(t.start, encode(forkRecord{t.pid, startTime, timestamp(t.startedAt)}))
	}
	if err != nil {
		complain("second line of start: " + err.Error())
	}
	_ = unix.Close(t.start)
	failpoint("recorder.start-written")
	return nil
}

// fork starts the program inside its control group; where that cannot be, outside of it.
func (t *trainer) fork(files []uintptr) (int, error) {
	attributes := &syscall.ProcAttr{
		Dir:   t.plan.Cwd,
		Env:   t.environment,
		Files: files,
		Sys:   &syscall.SysProcAttr{Setsid: true},
	}
	if t.plan.Cgroup != "" {
		group, err := openGroup(t.plan.Cgroup)
		if err == nil {
			attributes.Sys.UseCgroupFD = true
			attributes.Sys.CgroupFD = group
			var pid int
			if pid, err = syscall.ForkExec(t.program, t.plan.Argv, attributes); err == nil {
				_ = unix.Close(group)
				return pid, nil
			}
			_ = unix.Close(group)
			attributes.Sys.UseCgroupFD = false
		}
		complain("not in the control group " + t.plan.Cgroup + ": " + err.Error())
	}
	return syscall.ForkExec(t.program, t.plan.Argv, attributes)
}

// forkRefused tells a program that cannot be executed from a machine that cannot fork.
func (t *trainer) forkRefused(errno syscall.Errno) *exitRecord {
	if errno == unix.EAGAIN || errno == unix.ENOMEM {
		return refused("notstarted", errno, "cannot fork")
	}
	if gone := enterable(t.plan.Cwd); gone != 0 {
		return refused("notstarted", gone, "cannot enter the working directory "+t.plan.Cwd)
	}
	message := "cannot execute " + t.program
	if errno == unix.ENOENT && isThere(t.program, t.plan.Cwd) {
		message += ": the interpreter that it names is missing"
	}
	return refused("noexec", errno, message)
}

// releaseLocks lets go of our own copies: from now on they are held as long as descendants do.
func (t *trainer) releaseLocks() {
	for _, lock := range t.locks {
		_ = unix.Close(lock)
	}
}

// makePipe returns a read end that never blocks us, and a write end that is as a plain pipe's.
func makePipe() (readEnd, writeEnd int, err error) {
	var ends [2]int
	if err = unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		return 0, 0, err
	}
	// Fails where the user's pipes are over their common limit; then this one is just smaller.
	_, _ = unix.FcntlInt(uintptr(ends[0]), unix.F_SETPIPE_SZ, pipeBytes)
	return ends[0], ends[1], unix.SetNonblock(ends[0], true)
}

func openGroup(path string) (int, error) {
	if err := unix.Mkdir(path, 0o755); err != nil && err != unix.EEXIST {
		return -1, err
	}
	return unix.Open(path, unix.O_DIRECTORY|unix.O_RDONLY|unix.O_CLOEXEC, 0)
}

// raiseOomScore changes our own score, which a child inherits from its very first instruction on, and
// returns what takes it back. Both are allowed to any user as long as it is not below where we began.
func raiseOomScore(wanted int) (restore func()) {
	const file = "/proc/self/oom_score_adj"
	fd, err := unix.Open(file, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		complain("oom_score_adj: " + err.Error())
		return func() {}
	}
	before := make([]byte, 16)
	n, err := unix.Read(fd, before)
	if err == nil {
		_, err = unix.Pwrite(fd, []byte(decimal(wanted)), 0)
	}
	if err != nil {
		complain("oom_score_adj: " + err.Error())
	}
	return func() {
		if n > 0 {
			_, _ = unix.Pwrite(fd, before[:n], 0)
		}
		_ = unix.Close(fd)
	}
}
