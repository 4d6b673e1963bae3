package names

import (
	"context"
	"fmt"
	"hash/fnv"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// happening is one thing that happens to a Pool.
type happening struct {
	what   string
	name   string
	hosts  []string
	domain bool
	wait   time.Duration
	step   time.Duration // of the wall clock
}

const below = "wild.example"

func drawHappenings(t *rapid.T) []happening {
	hosts := []string{"a.corp.example", "b.corp.example", "c.corp.example", "d.corp.example"}
	all := hosts
	for i := range 8 {
		all = append(all, fmt.Sprintf("n%d.%s", i, below))
	}
	waits := []time.Duration{TTL, every + time.Minute, Keep / 4, Keep / 2, Keep - time.Hour, Keep + time.Hour}
	steps := []time.Duration{-1000 * time.Hour, -time.Hour, time.Hour, 1000 * time.Hour}
	kinds := []string{"set", "answer", "answer", "answer", "answer", "answer", "answer", "use", "use", "use", "all", "wait", "wait", "step", "restart", "kill"}
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) happening {
		h := happening{what: rapid.SampledFrom(kinds).Draw(t, "what")}
		switch h.what {
		case "set":
			h.hosts = rapid.SliceOfDistinct(rapid.SampledFrom(hosts), rapid.ID[string]).Draw(t, "hosts")
			h.domain = rapid.IntRange(0, 3).Draw(t, "domain") > 0
		case "answer", "use":
			h.name = rapid.SampledFrom(all).Draw(t, "name")
		case "wait":
			h.wait = rapid.SampledFrom(waits).Draw(t, "wait")
		case "step":
			h.step = rapid.SampledFrom(steps).Draw(t, "step")
		case "restart", "kill":
			h.wait = rapid.SampledFrom(waits).Draw(t, "wait")
			if rapid.Bool().Draw(t, "set back") { // while nothing runs, nobody can tell a step forward from time
				h.step = -rapid.SampledFrom(waits).Draw(t, "step")
			}
		}
		return h
	}), 20, 80).Draw(t, "happenings")
}

// told is who was told of an index, and when last, in time that nobody steps.
type told map[uint16]map[string]time.Time

// model is a Pool with what the world has been told by it.
type model struct {
	t     *testing.T
	dir   string
	file  string
	step  atomic.Int64 // of the wall clock, nanoseconds
	told  told
	live  map[string]bool
	hosts []string
	below []string
	wrong []string

	p      *Pool
	cancel context.CancelFunc
	ended  chan error
}

func (m *model) fail(format string, args ...any) {
	m.wrong = append(m.wrong, fmt.Sprintf(format, args...))
}

// start opens the Pool of the file: with so little room that names meet, and make
// room for each other.
func (m *model) start() {
	m.p = open(m.t, Options{File: m.file, Now: func() time.Time { return time.Now().Add(time.Duration(m.step.Load())) }})
	m.p.most, m.p.spare = 6, 1
	m.p.derive = func(name string, probe uint32) uint16 {
		h := fnv.New32()
		h.Write([]byte(name))
		return 1 + uint16((h.Sum32()+probe)%8)
	}
	m.p.Set(m.hosts, m.below)
	ctx, cancel := context.WithCancel(m.t.Context())
	m.cancel, m.ended = cancel, make(chan error, 1)
	p, ended := m.p, m.ended
	go func() { ended <- p.Run(ctx) }()
	synctest.Wait()
}

func (m *model) stop() {
	m.cancel()
	<-m.ended
}

// tell has the world know that an address is a name's. It was not another's for as
// long as somebody may have that from before, and the name had no other for so long.
func (m *model) tell(name string, addrs [2]netip.Addr) {
	index, ok := m.p.index(addrs[0])
	if other, ok6 := m.p.index(addrs[1]); !ok || !ok6 || other != index {
		m.fail("%s has %v", name, addrs)
		return
	}
	for i, names := range m.told {
		for other, at := range names {
			if since := time.Since(at); since < Keep && (i == index) != (other == name) {
				m.fail("%s is told to have %d, %v after %s was told to have %d", name, index, since, other, i)
			}
		}
	}
	if m.told[index] == nil {
		m.told[index] = map[string]time.Time{}
	}
	m.told[index][name] = time.Now()
}

// use sends something to each address that the world takes for a name's.
func (m *model) use(name string) {
	for index, names := range m.told {
		at, was := names[name]
		if !was {
			continue
		}
		got, ok := m.p.Host(m.p.addrs(index)[1])
		held := time.Since(at) < Keep
		switch {
		case ok:
			if !m.live[got] && !(strings.HasSuffix(got, "."+below) && m.below != nil) {
				m.fail("%d stands for %s, which is gone", index, got)
			}
			m.tell(got, m.p.addrs(index))
		case held:
			if m.live[name] {
				m.fail("%d, told %v ago to be %s, stands for nobody", index, time.Since(at), name)
			}
			names[name] = time.Now() // it is kept for as long as it is used
		}
	}
}

func (m *model) happen(h happening) {
	switch h.what {
	case "set":
		m.hosts, m.below, m.live = h.hosts, nil, map[string]bool{}
		if h.domain {
			m.below = []string{below}
		}
		for _, host := range h.hosts {
			m.live[host] = true
		}
		m.p.Set(m.hosts, m.below)
	case "answer":
		addrs, known := m.p.Answer(h.name)
		if want := m.live[h.name] || m.below != nil && strings.HasSuffix(h.name, "."+below); known != want {
			m.fail("%s known: %v", h.name, known)
		}
		if addrs[0].IsValid() {
			m.tell(h.name, addrs)
		}
	case "use":
		m.use(h.name)
	case "all":
		for name, addrs := range m.p.All() {
			m.tell(name, addrs)
		}
	case "step":
		m.step.Add(int64(h.step))
		time.Sleep(glance) // until it has been noticed
	case "restart":
		m.stop()
		m.step.Add(int64(h.step))
		time.Sleep(h.wait)
		m.start()
	case "kill": // what the file says now is all that is left
		b, err := os.ReadFile(m.file)
		if err != nil {
			m.t.Fatal(err)
		}
		m.stop()
		f, err := os.CreateTemp(m.dir, "killed")
		if err != nil {
			m.t.Fatal(err)
		}
		f.Write(b)
		f.Close()
		m.file = f.Name()
		m.step.Add(int64(h.step))
		time.Sleep(h.wait)
		m.start()
	}
	time.Sleep(h.wait)
	synctest.Wait()
}

// Whatever happens, an address is not a name's while somebody may take it for
// another's, and a name keeps its address for as long.
func TestAddressesAreKept(t *testing.T) {
	dir := t.TempDir()
	runs := 0
	rapid.Check(t, func(rt *rapid.T) {
		all := drawHappenings(rt)
		var wrong []string
		runs++
		synctest.Test(t, func(t *testing.T) {
			m := &model{t: t, dir: dir, file: filepath.Join(dir, fmt.Sprintf("names%d", runs)), told: told{}, below: []string{below}, live: map[string]bool{}}
			m.start()
			for _, h := range all {
				if m.happen(h); len(m.wrong) > 0 {
					break
				}
			}
			m.stop()
			wrong = m.wrong
		})
		if len(wrong) > 0 {
			rt.Fatalf("%s", strings.Join(wrong, "\n"))
		}
	})
}
