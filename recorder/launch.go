package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
)

// launch is launch.json: all that is needed to run one attempt.
type launch struct {
	V            int               `json:"v"`
	Generation   int64             `json:"generation"`
	Argv         []string          `json:"argv"`
	Cwd          string            `json:"cwd"`
	Umask        int               `json:"umask"`
	EnvFile      string            `json:"env_file"`
	Env          map[string]string `json:"env"`
	EnvUnset     []string          `json:"env_unset"`
	SegmentBytes int64             `json:"segment_bytes"`
	HeadBytes    int64             `json:"head_bytes"`
	TailBytes    int64             `json:"tail_bytes"`
	DrainGraceMs int64             `json:"drain_grace_ms"`
	Cgroup       string            `json:"cgroup"`
	GpuLocks     []string          `json:"gpu_locks"`
	// GpuLocksShared are held together with others: GPUs of which a share is ours.
	GpuLocksShared []string `json:"gpu_locks_shared"`
	OomScoreAdj    int      `json:"oom_score_adj"`
	BootID         string   `json:"boot_id"`
}

// minSegmentBytes keeps the number of segment files and the cost of their headers in bounds.
const minSegmentBytes = 4096

func readLaunch() (*launch, error) {
	data, err := readFile("launch.json")
	if err != nil {
		return nil, err
	}
	plan := &launch{}
	if err := json.Unmarshal(data, plan); err != nil {
		return nil, err
	}
	switch {
	case plan.V != 1:
		return nil, errors.New("v is not 1")
	case len(plan.Argv) == 0:
		return nil, errors.New("argv is empty")
	case plan.Cwd == "":
		return nil, errors.New("cwd is missing")
	case plan.SegmentBytes < minSegmentBytes:
		return nil, errors.New("segment_bytes is below 4096")
	case plan.HeadBytes < 0 || plan.TailBytes < plan.SegmentBytes:
		return nil, errors.New("tail_bytes holds no segment, or head_bytes is negative")
	case plan.DrainGraceMs < 0:
		return nil, errors.New("drain_grace_ms is negative")
	case plan.BootID == "":
		return nil, errors.New("boot_id is missing")
	}
	return plan, nil
}

// environment is env_file less env_unset, with env on top; bytes of the file are kept as they are.
func (plan *launch) environment() ([]string, error) {
	var file []byte
	if plan.EnvFile != "" {
		var err error
		if file, err = readFile(plan.EnvFile); err != nil {
			return nil, err
		}
	}
	environment := make([]string, 0, bytes.Count(file, []byte{0})+len(plan.Env)+1)
	for entry := range strings.SplitSeq(string(file), "\x00") {
		name, _, _ := strings.Cut(entry, "=")
		_, replaced := plan.Env[name]
		if entry != "" && !replaced && !slices.Contains(plan.EnvUnset, name) {
			environment = append(environment, entry)
		}
	}
	kept := len(environment)
	for name, value := range plan.Env {
		environment = append(environment, name+"="+value)
	}
	slices.Sort(environment[kept:])
	return environment, nil
}

// lookupEnv finds a variable as getenv would: the first one counts.
func lookupEnv(environment []string, name string) (string, bool) {
	for _, entry := range environment {
		if value, is := strings.CutPrefix(entry, name+"="); is {
			return value, true
		}
	}
	return "", false
}
