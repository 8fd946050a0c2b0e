// The best value of one metric for each run, from the bus. See README.md.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

var (
	key       = flag.String("key", "charts/episodic_return", "the metric")
	stateFile = flag.String("state", "leaderboard.state.json", "file of the cursor")
	lowest    = flag.Bool("min", false, "the lowest value is the best")
	once      = flag.Bool("once", false, "print what is there and end")
	yard      = os.Getenv("RUNYARD_YARD")
)

// A number as the bus writes it: NaN, Infinity and -Infinity are strings, and so are integers beyond
// 2^53. Kept as it came, so that it stays exact.
type number string

func (n *number) UnmarshalJSON(data []byte) error {
	*n = number(strings.Trim(string(data), `"`))
	return nil
}

func (n number) MarshalJSON() ([]byte, error) {
	value := n.float()
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return json.Marshal(string(n))
	}
	return []byte(n), nil
}

func (n number) float() float64 {
	value, err := strconv.ParseFloat(string(n), 64)
	if err != nil {
		return math.NaN()
	}
	return value
}

type best struct {
	Value   number  `json:"value"`
	Step    *string `json:"step"`
	Attempt int     `json:"attempt"`
}

type run struct {
	Status  string         `json:"status"`
	Seen    map[string]int `json:"seen"`
	Points  int            `json:"points"`
	NaN     int            `json:"nan"`
	Missing int            `json:"missing"`
	Best    *best          `json:"best"`
}

type cursor struct {
	Epoch string `json:"epoch"`
	Seq   uint64 `json:"seq"`
}

// How far each stream was read, and what was found: one file, so that they never disagree.
var state = struct {
	V       int                `json:"v"`
	Cursors map[string]*cursor `json:"cursors"`
	Runs    map[string]*run    `json:"runs"`
	Deleted []string           `json:"deleted"`
}{V: 1, Cursors: map[string]*cursor{}, Runs: map[string]*run{}, Deleted: []string{}}

func save() error {
	data, err := json.Marshal(state)
	if err != nil {
		return err
	}
	draft := fmt.Sprintf("%s.%d", *stateFile, os.Getpid())
	if err := os.WriteFile(draft, data, 0o600); err != nil {
		return err
	}
	return os.Rename(draft, *stateFile)
}

func runOf(id string) *run {
	if state.Runs[id] == nil {
		state.Runs[id] = &run{Seen: map[string]int{}}
	}
	return state.Runs[id]
}

type message struct {
	RunID    string `json:"run_id"`
	Event    string `json:"event"`
	To       string `json:"to"`
	Attempt  int    `json:"attempt"`
	FirstSeq int    `json:"first_seq"`
	LastSeq  int    `json:"last_seq"`
	Points   []struct {
		Seq   int     `json:"seq"`
		Key   string  `json:"key"`
		Value number  `json:"value"`
		Step  *number `json:"step"`
	} `json:"points"`
}

func applyEvent(m message) {
	if m.Event == "run.deleted" {
		delete(state.Runs, m.RunID)
		if !slices.Contains(state.Deleted, m.RunID) {
			state.Deleted = append(state.Deleted, m.RunID)
		}
		return
	}
	runOf(m.RunID).Status = m.To
}

func applyMetrics(m message) {
	// Some of its points may be read after it was removed.
	if slices.Contains(state.Deleted, m.RunID) {
		return
	}
	r := runOf(m.RunID)
	attempt := strconv.Itoa(m.Attempt)
	seen := r.Seen[attempt]
	// What the bus no longer has is told, not passed over.
	r.Missing += max(0, m.FirstSeq-seen-1)
	r.Seen[attempt] = max(seen, m.LastSeq)
	for _, point := range m.Points {
		// A number identifies a point: what was counted before a new epoch is not counted again.
		if point.Key != *key || point.Seq <= seen {
			continue
		}
		r.Points++
		value := point.Value.float()
		if math.IsNaN(value) {
			r.NaN++
		} else if r.Best == nil || better(value, r.Best.Value.float()) {
			r.Best = &best{Value: point.Value, Attempt: m.Attempt}
			if point.Step != nil {
				step := string(*point.Step)
				r.Best.Step = &step
			}
		}
	}
}

func better(one, other float64) bool {
	if *lowest {
		return one < other
	}
	return one > other
}

func show() error {
	ids := []string{}
	for id, r := range state.Runs {
		if r.Status != "" {
			ids = append(ids, id)
		}
	}
	sort.Slice(ids, func(i, j int) bool {
		a, b := state.Runs[ids[i]].Best, state.Runs[ids[j]].Best
		if (a == nil) != (b == nil) {
			return b == nil
		}
		if a != nil && a.Value.float() != b.Value.float() {
			return better(a.Value.float(), b.Value.float())
		}
		return ids[i] < ids[j]
	})
	for _, id := range ids {
		r := state.Runs[id]
		line := map[string]any{"run": id, "best": nil, "step": nil, "attempt": nil,
			"points": r.Points, "nan": r.NaN, "missing": r.Missing, "status": r.Status}
		if r.Best != nil {
			line["best"], line["step"], line["attempt"] = r.Best.Value, r.Best.Step, r.Best.Attempt
		}
		data, err := json.Marshal(line)
		if err != nil {
			return err
		}
		fmt.Println(string(data))
	}
	return nil
}

var consumers = map[string]jetstream.Consumer{}

// The consumer of a stream from the cursor on; a new one when the stream is a new one.
func consumerOf(ctx context.Context, js jetstream.JetStream, kind string) (jetstream.Consumer, error) {
	token := regexp.MustCompile(`[^A-Z0-9_-]`).ReplaceAllString(strings.ToUpper(yard), "_")
	stream, err := js.Stream(ctx, token+"_"+strings.ToUpper(kind))
	if err != nil {
		return nil, err
	}
	epoch := stream.CachedInfo().Config.Metadata["epoch"]
	at := state.Cursors[kind]
	if at != nil && at.Epoch != epoch {
		fmt.Fprintf(os.Stderr, "%s: a new epoch, read again from the beginning\n", kind)
	}
	if at == nil || at.Epoch != epoch {
		at = &cursor{Epoch: epoch}
		state.Cursors[kind] = at
		delete(consumers, kind)
		if kind == "events" {
			// Runs of which the new history says nothing are no longer there.
			for _, r := range state.Runs {
				r.Status = ""
			}
		}
	}
	if consumers[kind] == nil {
		made, err := stream.CreateConsumer(ctx, jetstream.ConsumerConfig{
			DeliverPolicy:     jetstream.DeliverByStartSequencePolicy,
			OptStartSeq:       at.Seq + 1,
			AckPolicy:         jetstream.AckNonePolicy,
			FilterSubject:     yard + ".runs.*." + kind,
			InactiveThreshold: 5 * time.Minute,
		})
		if err != nil {
			return nil, err
		}
		consumers[kind] = made
	}
	return consumers[kind], nil
}

// Applies what is there; without anything waits up to a second for it. Returns how many messages came.
func read(ctx context.Context, js jetstream.JetStream, kind string, wait bool) (int, error) {
	consumer, err := consumerOf(ctx, js, kind)
	if err != nil {
		return 0, err
	}
	info, err := consumer.Info(ctx)
	if err != nil {
		return 0, err
	}
	pending := int(info.NumPending)
	if pending == 0 && !wait {
		return 0, nil
	}
	batch, err := consumer.Fetch(min(max(pending, 1), 500), jetstream.FetchMaxWait(time.Second))
	if err != nil {
		return 0, err
	}
	count := 0
	for msg := range batch.Messages() {
		var m message
		if err := json.Unmarshal(msg.Data(), &m); err != nil {
			return count, err
		}
		if kind == "events" {
			applyEvent(m)
		} else {
			applyMetrics(m)
		}
		meta, err := msg.Metadata()
		if err != nil {
			return count, err
		}
		state.Cursors[kind].Seq = meta.Sequence.Stream
		count++
	}
	if count > 0 {
		if err := save(); err != nil {
			return count, err
		}
	}
	return count, batch.Error()
}

// Events first: then it is known which runs there are.
func round(ctx context.Context, js jetstream.JetStream) (int, error) {
	count := 0
	for {
		more, err := read(ctx, js, "events", false)
		if err != nil {
			return count, err
		}
		if more == 0 {
			break
		}
		count += more
	}
	more, err := read(ctx, js, "metrics", !*once && count == 0)
	return count + more, err
}

func follow() error {
	if data, err := os.ReadFile(*stateFile); err == nil {
		if err := json.Unmarshal(data, &state); err != nil {
			return err
		}
	}
	login := nats.UserInfo(os.Getenv("NATS_USER"), os.Getenv("NATS_PASSWORD"))
	nc, err := nats.Connect(os.Getenv("NATS_URL"), login)
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	for {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		count, err := round(ctx, js)
		cancel()
		switch {
		case err != nil && (*once || nc.IsClosed()):
			return err
		case err != nil:
			// A stream that is just being made anew, or a server that restarts.
			fmt.Fprintf(os.Stderr, "trying again: %v\n", err)
			clear(consumers)
			time.Sleep(time.Second)
		case count == 0 && *once:
			return show()
		case count > 0 && !*once:
			if err := show(); err != nil {
				return err
			}
		}
	}
}

func main() {
	flag.Parse()
	if err := follow(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
