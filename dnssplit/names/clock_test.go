package names

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// How much time has passed for a name, whatever was done to the clocks.
func TestClock(t *testing.T) {
	const far = 1000 * time.Hour
	for _, row := range []struct {
		name   string
		before time.Duration // how far the wall clock is set while it runs
		kill   bool
		down   time.Duration // for how long it does not run
		set    time.Duration // and how far the wall clock is set then
		after  time.Duration // for how long it runs then
		room   bool
	}{
		{name: "at once"},
		{name: "not long", after: Keep - time.Minute},
		{name: "long", after: Keep + every + time.Minute, room: true},
		{name: "long, and not running", down: Keep + every + time.Minute, room: true},
		{name: "both", down: Keep / 2, after: Keep/2 + every + time.Minute, room: true},
		{name: "less than long in both", down: Keep / 2, after: Keep/2 - time.Minute},
		{name: "killed", kill: true, down: Keep - time.Minute},
		{name: "killed, and long", kill: true, down: Keep + every + time.Minute, room: true},
		{name: "set forward", before: far},
		{name: "set forward, killed", before: far, kill: true},
		{name: "set forward, long", before: far, down: Keep + every + time.Minute, room: true},
		{name: "set back", before: -far, down: Keep - time.Minute},
		{name: "set back, long", before: -far, down: Keep + every + time.Minute, room: true},
		{name: "set back meanwhile", down: Keep + every + time.Minute, set: -far},
		{name: "set back meanwhile, and time goes on", down: Keep, set: -far, after: Keep + every + time.Minute, room: true},
		{name: "set back meanwhile, killed", kill: true, down: Keep, set: -far, after: Keep - time.Minute},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var ahead atomic.Int64 // nanoseconds
				file := filepath.Join(t.TempDir(), "names")
				start := func() (*Pool, func()) {
					p := open(t, Options{File: file, Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }})
					p.most, p.spare = 1, 0
					p.Set(nil, []string{"corp.example"})
					ctx, cancel := context.WithCancel(t.Context())
					ended := make(chan struct{})
					go func() { p.Run(ctx); close(ended) }()
					return p, func() { cancel(); <-ended }
				}
				p, stop := start()
				addrsOf(t, p, "a.corp.example")
				time.Sleep(every + time.Second)
				ahead.Store(int64(row.before))
				time.Sleep(every)
				addrsOf(t, p, "a.corp.example")
				time.Sleep(every - 6*time.Second)
				addrsOf(t, p, "a.corp.example") // which is not in the file yet
				b, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				stop()
				if row.kill {
					if err := os.WriteFile(file, b, 0o600); err != nil {
						t.Fatal(err)
					}
				}
				ahead.Add(int64(row.set))
				time.Sleep(row.down)
				p, stop = start()
				defer stop()
				time.Sleep(row.after)
				if addrs, known := p.Answer("b.corp.example"); addrs[0].IsValid() != row.room || !known {
					t.Errorf("%v, known: %v", addrs, known)
				}
			})
		})
	}
}

// What was used after the clocks have come apart, in a sleep or by somebody's hand,
// is not taken for used before they did when nobody has time to write any more.
func TestClockApart(t *testing.T) {
	const far = 1000 * time.Hour
	for _, row := range []struct {
		name  string
		idle  time.Duration // before the clocks come apart
		use   func(t *testing.T, p *Pool, addrs [2]netip.Addr)
		later time.Duration // killed
		down  time.Duration
		room  bool
	}{
		{name: "answered", use: func(t *testing.T, p *Pool, _ [2]netip.Addr) { addrsOf(t, p, "a.corp.example") }},
		{name: "sent to", use: func(_ *testing.T, p *Pool, addrs [2]netip.Addr) { p.Host(addrs[0]) }},
		{name: "after a while", idle: every / 2, use: func(_ *testing.T, p *Pool, addrs [2]netip.Addr) { p.Host(addrs[1]) }},
		{name: "nobody asks", use: func(*testing.T, *Pool, [2]netip.Addr) {}, later: 2 * time.Minute},
		{name: "long ago", use: func(t *testing.T, p *Pool, _ [2]netip.Addr) { addrsOf(t, p, "a.corp.example") }, down: Keep + 2*every, room: true},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var ahead atomic.Int64 // nanoseconds
				file := filepath.Join(t.TempDir(), "names")
				start := func() *Pool {
					p := open(t, Options{File: file, Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }})
					p.most, p.spare = 1, 0
					p.Set(nil, []string{"corp.example"})
					return p
				}
				p := start()
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan struct{})
				go func() { p.Run(ctx); close(ended) }()
				addrs := addrsOf(t, p, "a.corp.example")
				time.Sleep(row.idle)
				ahead.Store(int64(far))
				row.use(t, p, addrs)
				time.Sleep(row.later)
				b, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				cancel()
				<-ended
				if err := os.WriteFile(file, b, 0o600); err != nil {
					t.Fatal(err)
				}
				time.Sleep(row.down)
				if got, _ := start().Answer("b.corp.example"); got[0].IsValid() != row.room {
					t.Errorf("another name has %v; a.corp.example had %v", got, addrs)
				}
			})
		})
	}
}
