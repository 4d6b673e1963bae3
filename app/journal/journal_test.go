package journal

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/tidegate/tidegate/session"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// some are n events from Seq first on, a minute apart.
func some(first, n int) []session.Event {
	var all []session.Event
	for i := first; i < first+n; i++ {
		all = append(all, session.Event{Seq: uint64(i), At: noon.Add(time.Duration(i) * time.Minute), Kind: "app-opened", Text: fmt.Sprintf("Wiki %d is in use", i), App: "wiki"})
	}
	return all
}

func file(t *testing.T) string { return filepath.Join(t.TempDir(), "state", "activity.jsonl") }

func lines(t *testing.T, path string) []string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
}

func TestEventsOutliveTheProcess(t *testing.T) {
	path := file(t)
	j := Open(Options{Path: path})
	j.Add(some(1, 3))
	j.Close()
	j.Add(some(4, 2)) // appended
	j.Close()
	if i, err := os.Stat(path); err != nil || i.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", i, err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	j = Open(Options{Path: path})
	if d := cmp.Diff(some(1, 5), j.Recent(100)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(some(4, 2), j.Recent(2)); d != "" {
		t.Error(d)
	}
	if i, err := os.Stat(path); err != nil || i.Mode().Perm() != 0o600 {
		t.Errorf("others may read it: %v, %v", i, err)
	}
}

func TestHistory(t *testing.T) {
	j := Open(Options{})
	j.Add(some(1, 9))
	j.Add([]session.Event{{Seq: 10, At: noon.Add(time.Hour), Kind: "vpn-connected", Text: "The VPN Head office was connected"}})
	for _, tt := range []struct {
		name string
		q    session.HistoryQuery
		want string
		more bool
	}{
		{"all", session.HistoryQuery{}, "10 9 8 7 6 5 4 3 2 1", false},
		{"the newest", session.HistoryQuery{Limit: 3}, "10 9 8", true},
		{"a page", session.HistoryQuery{Before: 8, Limit: 3}, "7 6 5", true},
		{"the last page", session.HistoryQuery{Before: 4, Limit: 3}, "3 2 1", false},
		{"later ones", session.HistoryQuery{After: 8}, "10 9", false},
		{"since", session.HistoryQuery{Since: noon.Add(9 * time.Minute)}, "10 9", false},
		{"a search", session.HistoryQuery{EventFilter: session.EventFilter{Search: " use  WIKI 7"}}, "7", false},
		{"a search for nothing that is there", session.HistoryQuery{EventFilter: session.EventFilter{Search: "payroll"}}, "", false},
		{"a topic", session.HistoryQuery{EventFilter: session.EventFilter{Topic: session.TopicVPN}}, "10", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := j.History(tt.q)
			var got []string
			for _, e := range h.Events {
				got = append(got, fmt.Sprint(e.Seq))
			}
			if s := strings.Join(got, " "); s != tt.want || h.More != tt.more {
				t.Errorf("got %s, more %v", s, h.More)
			}
		})
	}
}

// However much is added, neither file nor memory grow past the bounds, and the
// newest are there.
func TestBounds(t *testing.T) {
	for _, tt := range []struct {
		name          string
		events, bytes int
	}{{"by number", 40, 1 << 20}, {"by size", 5000, 4000}} {
		t.Run(tt.name, func(t *testing.T) {
			path := file(t)
			j := Open(Options{Path: path, Events: tt.events, Bytes: tt.bytes})
			for i := range 300 {
				j.Add(some(i+1, 1))
				if i%3 == 0 {
					j.flush()
				}
				j.flush()
				if info, err := os.Stat(path); err != nil || info.Size() > int64(tt.bytes) || len(lines(t, path)) > tt.events {
					t.Fatalf("after %d: %v, %v", i+1, info, err)
				}
			}
			kept := j.Recent(1000)
			if n := len(kept); n < 20 || n > 40 || kept[n-1].Seq != 300 {
				t.Errorf("%d are kept", n)
			}
			again := Open(Options{Path: path, Events: tt.events, Bytes: tt.bytes})
			if d := cmp.Diff(kept, again.Recent(1000)); d != "" {
				t.Error(d)
			}
			if len(j.sizes) != len(j.events) || j.size != again.size {
				t.Errorf("the books say %d bytes, and the file has %d", j.size, again.size)
			}
		})
	}
}

func TestALongTextIsCut(t *testing.T) {
	j := Open(Options{})
	j.Add([]session.Event{{Seq: 1, At: noon, Text: strings.Repeat("ü", 5000)}})
	if s := j.Recent(1)[0].Text; len(s) > maxText || !strings.HasSuffix(s, "ü…") {
		t.Errorf("%d bytes", len(s))
	}
}

// A crash may tear the last line. It is dropped, and what comes next is whole.
func TestTornLine(t *testing.T) {
	for _, tail := range []string{`{"seq":4,"at":"2026-03-`, "\x00\x00\x00\x00", `{"seq":4,"at":"2026-03-02T12:04:00Z","kind":"x","text":"y"}`} {
		path := file(t)
		j := Open(Options{Path: path})
		j.Add(some(1, 3))
		j.Close()
		f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		f.WriteString(tail)
		f.Close()
		j = Open(Options{Path: path})
		j.Add(some(4, 1))
		j.Close()
		if d := cmp.Diff(some(1, 4), Open(Options{Path: path}).Recent(10)); d != "" {
			t.Errorf("behind %q: %s", tail, d)
		}
		if _, err := os.Stat(path + Aside); err == nil {
			t.Errorf("%q had the file set aside", tail)
		}
	}
}

// Whatever else is wrong with the file, what can be read goes on, the file is set
// aside, and the user is told.
func TestDamage(t *testing.T) {
	one, three := string(line(some(1, 1)[0])), string(line(some(3, 1)[0]))
	for _, tt := range []struct {
		name, text string
		want       []session.Event
	}{
		{"nonsense in the midst", one + "???\n" + three, []session.Event{some(1, 1)[0], some(3, 1)[0]}},
		{"a number twice", one + one + three, []session.Event{some(1, 1)[0], some(3, 1)[0]}},
		{"a number without bounds", one + `{"seq":18446744073709551615,"at":"2026-03-02T12:04:00Z"}` + "\n", some(1, 1)},
		{"no event at all", "{}\n", nil},
		{"too long", strings.Repeat(" ", DefaultBytes) + "\n" + three, some(3, 1)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := file(t)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			j := Open(Options{Path: path})
			got := j.Recent(10)
			told := got[len(got)-1]
			if told.Kind != "journal-failed" || !strings.Contains(told.Text, Aside) {
				t.Errorf("told is %+v", told)
			}
			if d := cmp.Diff(tt.want, got[:len(got)-1], cmp.Transformer("none", func(e []session.Event) []session.Event { return append([]session.Event{}, e...) })); d != "" {
				t.Error(d)
			}
			if b, err := os.ReadFile(path + Aside); err != nil || string(b) != tt.text {
				t.Errorf("set aside: %v", err)
			}
			j.Close()
			if d := cmp.Diff(got, Open(Options{Path: path}).Recent(10), cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })); d != "" {
				t.Errorf("it is told again, or lost: %s", d)
			}
		})
	}
}

// What is no file, such as a pipe that would be waited for, is set aside too.
func TestNoFile(t *testing.T) {
	path := file(t)
	if err := os.MkdirAll(filepath.Join(path, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	j := Open(Options{Path: path})
	j.Close()
	if got := Open(Options{Path: path}).Recent(10); len(got) != 1 || got[0].Kind != "journal-failed" {
		t.Errorf("%+v", got)
	}
}

// Where the file cannot be written, History says so; once it can be, all is there.
func TestWhatCannotBeWritten(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	path := filepath.Join(dir, "activity.jsonl")
	j := Open(Options{Path: path})
	if err := os.WriteFile(dir, nil, 0o600); err != nil { // a file is where the folder goes
		t.Fatal(err)
	}
	j.Add(some(1, 2))
	j.flush()
	if p := j.History(session.HistoryQuery{}).Problem; !strings.Contains(p, "not kept beyond a restart") || !strings.Contains(p, dir) {
		t.Errorf("the problem is %q", p)
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	j.Add(some(3, 1))
	j.Close()
	if p := j.History(session.HistoryQuery{}).Problem; p != "" {
		t.Errorf("the problem is still %q", p)
	}
	if d := cmp.Diff(some(1, 3), Open(Options{Path: path}).Recent(10)); d != "" {
		t.Error(d)
	}
}

func TestRunWritesUntilItsEnd(t *testing.T) {
	path := file(t)
	j := Open(Options{Path: path})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- j.Run(ctx) }()
	j.Add(some(1, 1))
	for end := time.Now().Add(20 * time.Second); ; {
		if b, _ := os.ReadFile(path); strings.Count(string(b), "\n") == 1 {
			break
		}
		if time.Now().After(end) {
			t.Fatal("nothing is written")
		}
		time.Sleep(5 * time.Millisecond)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	j.Add(some(2, 1))
	j.Close()
	if got := Open(Options{Path: path}).Recent(10); len(got) != 2 {
		t.Errorf("%d were kept", len(got))
	}
}

// Whatever a file holds, what is read of it is in order and can be written.
func FuzzParse(f *testing.F) {
	f.Add(line(some(1, 1)[0]))
	f.Add([]byte("{}\n\n[]\nnull\n{\"seq\":-1}\n"))
	f.Add([]byte(`{"seq":2,"at":"0001-01-02T00:00:00Z","text":"` + "\xff" + `"}` + "\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		events, _, _ := parse(b)
		var written []byte
		for _, e := range events {
			written = append(written, line(e)...)
		}
		again, torn, whole := parse(written)
		if torn || !whole || len(again) != len(events) {
			t.Errorf("%d read back as %d", len(events), len(again))
		}
	})
}
