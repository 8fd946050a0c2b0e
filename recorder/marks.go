package main

import (
	"encoding/json"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

type claimRecord struct {
	V          int    `json:"v"`
	BootID     string `json:"boot_id"`
	Pid        int    `json:"pid"`
	StartTime  string `json:"start_time"`
	Generation int64  `json:"generation"`
}

// startRecord is the first line of `start`; with the boot, so that it identifies by itself.
type startRecord struct {
	V           int    `json:"v"`
	BootID      string `json:"boot_id"`
	RecorderPid int    `json:"recorder_pid"`
	At          string `json:"at"`
}

// forkRecord is the second line of `start`.
type forkRecord struct {
	Pid       int    `json:"pid"`
	StartTime string `json:"start_time"`
	At        string `json:"at"`
}

type usageRecord struct {
	UserMs    int64 `json:"user_ms"`
	SystemMs  int64 `json:"system_ms"`
	MaxRssKib int64 `json:"max_rss_kib"`
}

// exitRecord says how the trainer ended. What does not apply to its kind is left out.
type exitRecord struct {
	V         int          `json:"v"`
	Kind      string       `json:"kind"`
	Code      *int         `json:"code,omitempty"`
	Signal    *string      `json:"signal,omitempty"`
	Core      *bool        `json:"core,omitempty"`
	Errno     *string      `json:"errno,omitempty"`
	Message   *string      `json:"message,omitempty"`
	StartedAt string       `json:"started_at"`
	EndedAt   string       `json:"ended_at"`
	WallMs    int64        `json:"wall_ms"`
	Rusage    *usageRecord `json:"rusage,omitempty"`
}

type streamTotals struct {
	Bytes   uint64 `json:"bytes"`
	Dropped uint64 `json:"dropped"`
}

type segmentRange struct {
	First int64 `json:"first"`
	Last  int64 `json:"last"`
}

type drainedRecord struct {
	V        int          `json:"v"`
	Stdout   streamTotals `json:"stdout"`
	Stderr   streamTotals `json:"stderr"`
	Segments segmentRange `json:"segments"`
	EOF      bool         `json:"eof"`
	// Every descendant of the trainer was reaped: orphans come to us, the subreaper.
	Alone bool   `json:"alone"`
	At    string `json:"at"`
}

func newDrained(eof bool) *drainedRecord {
	return &drainedRecord{V: 1, EOF: eof, At: timestamp(time.Now())}
}

// makeClaim makes the attempt ours, or ends this process.
func makeClaim(plan *launch, boot string) {
	startTime, err := startTimeOf("self")
	if err != nil {
		fail(codeFailed, "own start time: "+err.Error())
	}
	own := claimRecord{1, boot, os.Getpid(), startTime, plan.Generation}
	fd, err := linkNew("claim", encode(own))
	if err == unix.EEXIST {
		fail(codeClaimed, "another recorder owns this attempt")
	}
	if err != nil {
		fail(codeFailed, "claim: "+err.Error())
	}
	_ = unix.Close(fd)
}

// refuseVoided ends this process if the attempt was declared never started before we claimed it. Its GPUs
// may be another's by now: a lock of them, held for a moment only, would refuse that other one.
func refuseVoided() {
	if unix.Access("start", unix.F_OK) == nil {
		fail(codeVoided, "this attempt was declared never started")
	}
}

// makeStart marks the attempt as started, or ends this process if it was voided before. From here on
// nobody may start it again, whatever happens to us. The file stays open for its second line.
func makeStart(plan *launch) (fd int) {
	own := startRecord{1, plan.BootID, os.Getpid(), timestamp(time.Now())}
	fd, err := linkNew("start", encode(own))
	if err == unix.EEXIST {
		fail(codeVoided, "this attempt was declared never started")
	}
	if err != nil {
		writeExit(refused("notstarted", errnoOf(err), "cannot make the file start"))
		writeDrained(newDrained(true))
		os.Exit(0)
	}
	return fd
}

// linkNew makes a file that never existed before and is never seen half-written. It stays open.
func linkNew(name string, data []byte) (int, error) {
	temporary := "." + name + "." + decimal(os.Getpid())
	fd, err := unix.Open(temporary,
		unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC|unix.O_APPEND|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return -1, err
	}
	if err = writeWhole(fd, data); err == nil {
		err = unix.Link(temporary, name)
	}
	_ = unix.Unlink(temporary)
	if err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// writeExit returns when the record is on the disk, or when the directory is gone.
func writeExit(end *exitRecord) { replaceFile("exit", encode(end), true) }

func writeDrained(drained *drainedRecord) { replaceFile("drained", encode(drained), false) }

// roomBytes is what any of our records fits into: one block of the file system.
const roomBytes = 4096

// keepRoom takes the space of a record that is to be written later: on a full disk, how the trainer
// ended can still be told, because blocks that are there are only written again. Failing is harmless.
func keepRoom(name string) {
	fd, err := unix.Open(draftName(name), unix.O_WRONLY|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return
	}
	room := make([]byte, roomBytes)
	for i := range room {
		room[i] = ' '
	}
	_ = writeWhole(fd, room)
	_ = unix.Close(fd)
}

func draftName(name string) string { return "." + name + ".new" }

// retryEvery is how long we wait for space on a full disk, between attempts.
const retryEvery = 200 * time.Millisecond

// replaceFile tries until it succeeds: a full disk becomes free again some day, and what is to be
// written is known to nobody else.
func replaceFile(name string, data []byte, synced bool) {
	for attempt := 0; ; attempt++ {
		err := tryReplace(name, data, synced)
		if err == nil || err == unix.ENOENT {
			return
		}
		if attempt == 0 {
			complain(name + ": " + err.Error() + "; trying again until it works")
		}
		time.Sleep(retryEvery)
	}
}

func tryReplace(name string, data []byte, synced bool) error {
	temporary := draftName(name)
	// Not emptied first: the space that was kept for it would be gone.
	fd, err := unix.Open(temporary, unix.O_WRONLY|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	err = writeWhole(fd, data)
	if err == nil {
		err = unix.Ftruncate(fd, int64(len(data)))
	}
	if err == nil && synced {
		err = unix.Fsync(fd)
	}
	if closed := unix.Close(fd); err == nil {
		err = closed
	}
	if err == nil && synced {
		failpoint("recorder.exit-drafted")
	}
	if err == nil {
		err = unix.Rename(temporary, name)
	}
	if err == nil && synced {
		err = syncDirectory()
	}
	return err
}

func syncDirectory() error {
	fd, err := unix.Open(".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Fsync(fd)
}

// encode never fails: all records are plain data.
func encode(record any) []byte {
	data, _ := json.Marshal(record)
	return append(data, '\n')
}
