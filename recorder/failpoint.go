package main

import (
	"encoding/json"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// failpointDirectory is set by tests only; see src/failpoints.ts, whose counterpart this is. It reaches
// us by our own environment, which no trainer sees and no trainer can set.
var failpointDirectory = os.Getenv("RUNYARD_FAILPOINTS")

type hitRecord struct {
	Name string `json:"name"`
	Pid  int    `json:"pid"`
	Dir  string `json:"dir"`
	At   string `json:"at"`
}

// failpoint kills this process if a test armed the place by a file of its name.
func failpoint(name string) {
	if failpointDirectory != "" {
		dieAt(name)
	}
}

func dieAt(name string) {
	file := failpointDirectory + "/" + name
	// One death for each arming: of several that pass, one gets the file.
	if unix.Rename(file, file+".taken."+decimal(os.Getpid())) != nil {
		return
	}
	fd, err := unix.Open(failpointDirectory+"/hits.jsonl",
		unix.O_WRONLY|unix.O_APPEND|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
	if err == nil {
		directory, _ := unix.Getwd()
		line, _ := json.Marshal(hitRecord{name, os.Getpid(), directory, timestamp(time.Now())})
		_ = writeWhole(fd, append(line, '\n'))
		_ = unix.Fdatasync(fd)
	}
	_ = unix.Kill(os.Getpid(), unix.SIGKILL)
	select {}
}
