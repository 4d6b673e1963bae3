package journal

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/tidegate/tidegate/session"
)

// The bounds where Options set none.
const (
	DefaultEvents = 5000
	DefaultBytes  = 1 << 20
)

// maxText bounds the text of one event, in bytes: a VPN's server may have its say.
const maxText = 1000

// Options for Open.
type Options struct {
	// Path is the file's; its folder is made. Empty: nothing outlives the process.
	Path string
	// Events and Bytes bound what is kept; 0 means the defaults.
	Events, Bytes int
	// Log is for the developer; nil is silent.
	Log *slog.Logger
}

// Journal is a session.Journal.
type Journal struct {
	o    Options
	wake chan struct{} // holds one
	disk sync.Mutex    // held by who writes

	mu      sync.Mutex
	events  []session.Event // the oldest first
	sizes   []int           // of their lines
	size    int             // of all lines
	pending []byte          // lines that are to be appended
	whole   bool            // the file is to be replaced instead
	problem string          // why it is not what it should be
}

// Open reads what was kept. It never fails: what is wrong with the file is told by
// an event of its own, or by History.
func Open(o Options) *Journal {
	if o.Events <= 0 {
		o.Events = DefaultEvents
	}
	if o.Bytes <= 0 {
		o.Bytes = DefaultBytes
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	j := &Journal{o: o, wake: make(chan struct{}, 1)}
	if o.Path != "" {
		j.read()
	}
	return j
}

// Recent implements session.Journal.
func (j *Journal) Recent(n int) []session.Event {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.events[max(0, len(j.events)-n):])
}

// Add implements session.Journal.
func (j *Journal) Add(events []session.Event) {
	j.mu.Lock()
	j.add(events)
	j.mu.Unlock()
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

func (j *Journal) add(events []session.Event) {
	for _, e := range events {
		e.Text, e.Of, e.User, e.At = short(e.Text), short(e.Of), short(e.User), e.At.Round(0)
		l := line(e)
		j.events, j.sizes, j.size = append(j.events, e), append(j.sizes, len(l)), j.size+len(l)
		if !j.whole {
			j.pending = append(j.pending, l...)
		}
	}
	j.bound()
}

// bound lets the oldest go where there are too many, and with them a quarter of all,
// so that the file is not replaced for each event.
func (j *Journal) bound() {
	if len(j.events) <= j.o.Events && j.size <= j.o.Bytes {
		return
	}
	n := 0
	for ; n < len(j.events) && (len(j.events)-n > j.o.Events*3/4 || j.size > j.o.Bytes*3/4); n++ {
		j.size -= j.sizes[n]
	}
	j.events, j.sizes = slices.Clone(j.events[n:]), slices.Clone(j.sizes[n:])
	j.whole, j.pending = true, nil
}

// History answers q from what is kept.
func (j *Journal) History(q session.HistoryQuery) session.History {
	j.mu.Lock()
	defer j.mu.Unlock()
	h := q.Select(j.events)
	h.Problem = j.problem
	return h
}

// Run writes what is added until ctx ends, and returns nil then; Close writes the
// rest. What could not be written is tried again with the next event.
func (j *Journal) Run(ctx context.Context) error {
	for {
		j.flush()
		select {
		case <-j.wake:
		case <-ctx.Done():
			return nil
		}
	}
}

// Close writes what Run has not. Call it when nothing is added any more.
func (j *Journal) Close() { j.flush() }

// short cuts a text that is too long.
func short(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= maxText {
		return s
	}
	s = s[:maxText-len("…")]
	for !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s + "…"
}
