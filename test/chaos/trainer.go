// Command trainer is what the chaos test runs under the daemon. It keeps a journal of its own, which is
// all that the checker believes: an exclusive start file, a lock file for each GPU that it sees, how many
// lines it wrote, and how it is about to end. It knows nothing of Runyard but its environment.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

type plan struct {
	Journal    string `json:"journal"`
	Key        string `json:"key"`
	Ticks      int    `json:"ticks"`
	TickMs     int    `json:"tick_ms"`
	PerTick    int    `json:"per_tick"`
	Exit       int    `json:"exit"`
	Signal     int    `json:"signal"`
	IgnoreTerm bool   `json:"ignore_term"`
	Children   int    `json:"children"`
	Gpus       int    `json:"gpus"`
	GpuDir     string `json:"gpu_dir"`
	Artifact   bool   `json:"artifact"`
	// From this attempt on it succeeds; 0: never.
	HealsAt int `json:"heals_at"`
}

type process struct {
	Pid       int    `json:"pid"`
	StartTime string `json:"start_time"`
}

// Exit codes of its own complaints, which no plan has.
const (
	codeAgain   = 97
	codeProblem = 98
)

var (
	job   plan
	locks []string
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == "child" {
		linger()
	}
	must(json.Unmarshal([]byte(os.Args[1]), &job))
	attempt, err := strconv.Atoi(os.Getenv("RUNYARD_ATTEMPT"))
	must(err)
	if job.HealsAt > 0 && attempt >= job.HealsAt {
		job.Exit, job.Signal = 0, 0
	}
	all := job.Journal
	job.Journal = filepath.Join(all, strconv.Itoa(attempt))
	begin()
	for earlier := 1; earlier < attempt; earlier++ {
		lookBack(filepath.Join(all, strconv.Itoa(earlier)))
	}
	if job.IgnoreTerm {
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	} else {
		terminated := make(chan os.Signal, 1)
		signal.Notify(terminated, syscall.SIGTERM)
		go func() {
			<-terminated
			end(map[string]any{"signal": "SIGTERM"})
			dieOf(syscall.SIGTERM)
		}()
	}
	var holders []process
	for range job.Children {
		holders = append(holders, leaveChild())
	}
	takeGpus(holders)
	lines := work()
	if job.Artifact {
		must(os.WriteFile("artifact.txt", []byte(job.Key), 0o644))
	}
	if job.Signal != 0 {
		end(map[string]any{"signal": "SIGKILL", "lines": lines})
		dieOf(syscall.Signal(job.Signal))
	}
	end(map[string]any{"exit": job.Exit, "lines": lines})
	os.Exit(job.Exit)
}

// begin fails for whoever comes second, whatever started it.
func begin() {
	must(os.MkdirAll(job.Journal, 0o755))
	me := map[string]any{
		"pid": os.Getpid(), "start_time": startTimeOf(os.Getpid()), "parent": os.Getppid(),
		"parent_start_time": startTimeOf(os.Getppid()),
		"run":               os.Getenv("RUNYARD_RUN_ID"), "attempt": os.Getenv("RUNYARD_ATTEMPT"),
		"gpus": os.Getenv("CUDA_VISIBLE_DEVICES"),
	}
	if !exclusive("start", me) {
		note("again", me)
		os.Exit(codeAgain)
	}
	if os.Getenv("RUNYARD_FAILPOINTS") != "" {
		note("problem", map[string]any{"text": "RUNYARD_FAILPOINTS reached the trainer"})
	}
}

// lookBack notes whom an earlier attempt left alive.
func lookBack(journal string) {
	for _, name := range []string{"start", "children"} {
		data, err := os.ReadFile(filepath.Join(journal, name))
		if err != nil {
			continue
		}
		for _, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
			var left process
			if json.Unmarshal([]byte(line), &left) == nil && startTimeOf(left.Pid) == left.StartTime {
				note("overlap", left)
			}
		}
	}
}

// work prints numbered lines; after each tick their count is noted, so that what was written is known
// even of a trainer that is killed.
func work() int {
	count, err := os.OpenFile(filepath.Join(job.Journal, "lines"), os.O_CREATE|os.O_WRONLY, 0o644)
	must(err)
	line := 0
	for range job.Ticks {
		var text strings.Builder
		for range job.PerTick {
			line++
			fmt.Fprintf(&text, "%s %d\n", job.Key, line)
		}
		if _, err := os.Stdout.WriteString(text.String()); err != nil {
			note("problem", map[string]any{"text": "stdout: " + err.Error()})
		}
		_, err := count.WriteAt(fmt.Appendf(nil, "%012d", line), 0)
		must(err)
		time.Sleep(time.Duration(job.TickMs) * time.Millisecond)
	}
	return line
}

// takeGpus makes one lock file for each GPU in the mask. One that a living process holds is a double lease.
func takeGpus(holders []process) {
	mask := os.Getenv("CUDA_VISIBLE_DEVICES")
	var seen []string
	if mask != "" {
		seen = strings.Split(mask, ",")
	}
	if len(seen) != job.Gpus {
		note("problem", map[string]any{"text": "asked for " + strconv.Itoa(job.Gpus) + " GPUs, sees " + mask})
	}
	holders = append(holders, process{os.Getpid(), startTimeOf(os.Getpid())})
	held, _ := json.Marshal(holders)
	for _, gpu := range seen {
		file := filepath.Join(job.GpuDir, gpu)
		for !create(file, held) {
			if other := livingHolder(file); other != 0 {
				note("double", map[string]any{"gpu": gpu, "holder": other})
				break
			}
			// Its holder was killed and could not take it away.
			_ = os.Remove(file)
		}
		locks = append(locks, file)
	}
}

func livingHolder(file string) int {
	data, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	var holders []process
	if json.Unmarshal(data, &holders) != nil {
		return 0
	}
	for _, holder := range holders {
		if startTimeOf(holder.Pid) == holder.StartTime {
			return holder.Pid
		}
	}
	return 0
}

// leaveChild starts a process that leaves the session and ignores what can be ignored.
func leaveChild() process {
	self, err := os.Executable()
	must(err)
	child := exec.Command(self, "child", job.Key)
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	must(child.Start())
	made := process{child.Process.Pid, startTimeOf(child.Process.Pid)}
	note("children", map[string]any{"pid": made.Pid, "start_time": made.StartTime})
	return made
}

func linger() {
	signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	// Long after every deadline of the test, so that a forgotten one does not stay for ever.
	time.Sleep(30 * time.Minute)
	os.Exit(0)
}

func end(how map[string]any) {
	// A GPU is free for others once its holder says so; the children of this trainer may still hold it.
	if job.Children == 0 {
		for _, file := range locks {
			_ = os.Remove(file)
		}
	}
	note("exit", how)
}

func dieOf(number syscall.Signal) {
	signal.Reset(number)
	_ = syscall.Kill(os.Getpid(), number)
	select {}
}

// note adds a line to a file of the journal.
func note(name string, what any) {
	line, _ := json.Marshal(what)
	file, err := os.OpenFile(filepath.Join(job.Journal, name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	must(err)
	_, err = file.Write(append(line, '\n'))
	must(err)
	must(file.Close())
}

func exclusive(name string, what map[string]any) bool {
	data, _ := json.Marshal(what)
	return create(filepath.Join(job.Journal, name), data)
}

// create makes a file that did not exist. By link, so that nobody reads half of it.
func create(file string, data []byte) bool {
	draft := file + "." + strconv.Itoa(os.Getpid())
	must(os.WriteFile(draft, data, 0o644))
	defer os.Remove(draft)
	return os.Link(draft, file) == nil
}

// startTimeOf is empty for a process that is not there, or only waits to be reaped.
func startTimeOf(pid int) string {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return ""
	}
	text := string(data)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 20 || fields[0] == "Z" || fields[0] == "X" {
		return ""
	}
	return fields[19]
}

func must(err error) {
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "trainer:", err)
	os.Exit(codeProblem)
}
