package names

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func open(t *testing.T, o Options) *Pool {
	t.Helper()
	p, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// many are names of hosts.
func many(prefix string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("%s%d.corp.example", prefix, i)
	}
	return all
}

func addrsOf(t *testing.T, p *Pool, host string) [2]netip.Addr {
	t.Helper()
	addrs, known := p.Answer(host)
	if !known || !addrs[0].IsValid() || !addrs[1].IsValid() {
		t.Fatalf("%s: %v, known: %v", host, addrs, known)
	}
	return addrs
}

func TestNames(t *testing.T) {
	p := open(t, Options{})
	hosts := many("host", 20000)
	p.Set(hosts, nil)
	before := p.All()
	if len(before) != len(hosts) {
		t.Fatalf("%d of %d names have addresses", len(before), len(hosts))
	}
	prefixes := p.Prefixes()
	seen := map[netip.Addr]bool{}
	for host, addrs := range before {
		last := addrs[0].As4()[3]
		if !prefixes[0].Contains(addrs[0]) || !prefixes[1].Contains(addrs[1]) || last == 0 || last == 255 || seen[addrs[0]] {
			t.Fatalf("%s: %v", host, addrs)
		}
		seen[addrs[0]] = true
		for _, a := range append(addrs[:], netip.AddrFrom16(addrs[0].As16())) {
			if back, ok := p.Host(a); !ok || back != host {
				t.Fatalf("%v stands for %q, want %q", a, back, host)
			}
		}
		if got, ok := p.Addrs(host); !ok || got != addrs || addrsOf(t, p, host) != addrs {
			t.Fatalf("%s: %v, want %v", host, got, addrs)
		}
	}
	// The same in another order, on another device.
	again := open(t, Options{})
	slices.Reverse(hosts)
	again.Set(hosts, nil)
	if diff := cmp.Diff(before, again.All(), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
	// Names come and go; the others stay where they are, and those that come back
	// are where they were.
	other := append(many("other", 10000), hosts[:10000]...)
	p.Set(other, nil)
	gone := hosts[19999]
	if _, ok := p.Addrs(gone); ok {
		t.Error("a name that is gone has an address")
	}
	if _, known := p.Answer(gone); known {
		t.Error("a name that is gone is known")
	}
	if host, ok := p.Host(before[gone][0]); ok || host != "" {
		t.Errorf("the address of a name that is gone stands for %q", host)
	}
	p.Set(hosts, nil)
	for host, addrs := range before {
		if got, _ := p.Addrs(host); got != addrs {
			t.Fatalf("%s: moved from %v to %v", host, addrs, got)
		}
	}
	for _, a := range []string{"100.96.0.0", "100.96.255.255", "100.97.0.1", "10.0.0.1", "fd54:6964:6567::", "fd54:6964:6567:1::1:1", "::1"} {
		if host, ok := p.Host(netip.MustParseAddr(a)); ok {
			t.Errorf("%s stands for %q", a, host)
		}
	}
	if _, ok := p.Host(netip.Addr{}); ok {
		t.Error("no address stands for a name")
	}
}

// Names below a domain are given addresses when they are asked for, and whatever
// else is asked is not.
func TestDomains(t *testing.T) {
	p := open(t, Options{})
	p.Set([]string{"wiki.corp.example", "a.b.other.example"}, []string{"corp.example", "deep.wild.example"})
	for _, row := range []struct {
		host          string
		known, exists bool
	}{
		{"wiki.corp.example", true, true},
		{"x.corp.example", true, true},
		{"x.y.corp.example", true, true},
		{"my_host.corp.example", true, true},
		{"xn--bcher-kva.corp.example", true, true},
		{"corp.example", false, true}, // not below itself, and yet not nothing
		{"deep.wild.example", false, true},
		{"wild.example", false, false}, // no zone of ours
		{"example", false, false},
		{"xcorp.example", false, false},
		{"a.b.other.example", true, true},
		{"c.a.b.other.example", false, false},
		{"b.other.example", false, false},
		{"_ldap._tcp.corp.example", false, false},
		{"-x.corp.example", false, false},
		{"a..corp.example", false, false},
		{".corp.example", false, false},
		{"X.corp.example", false, false},
		{"a b.corp.example", false, false},
		{"x.corp.example.", false, false},
		{"", false, false},
		{string(make([]byte, 300)), false, false},
	} {
		before := len(p.All())
		if got := p.Exists(row.host); got != row.exists {
			t.Errorf("%q exists: %v", row.host, got)
		}
		if len(p.All()) != before {
			t.Errorf("%q: has an address because it was looked for", row.host)
		}
		addrs, known := p.Answer(row.host)
		if known != row.known || addrs[0].IsValid() != known || addrs[1].IsValid() != known {
			t.Errorf("%q: %v, known: %v", row.host, addrs, known)
		}
		if got, ok := p.Addrs(row.host); ok != known || got != addrs {
			t.Errorf("%q: %v, answered %v", row.host, got, addrs)
		}
	}
	// Where the domain goes, so do they.
	p.Set([]string{"y.corp.example"}, nil)
	if all := p.All(); len(all) != 1 {
		t.Errorf("%v are left", all)
	}
}

// When there is no room: the names that are named come first, those that nobody has
// used for long make room, the one used least recently first, and no other does.
func TestFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := open(t, Options{})
		p.most, p.spare = 8, 2
		p.Set([]string{"n.named.example"}, []string{"corp.example"})
		hosts := many("h", 6)
		for i, h := range hosts[:5] {
			addrsOf(t, p, h)
			time.Sleep(time.Duration(i) * time.Second)
		}
		if addrs, known := p.Answer(hosts[5]); !known || addrs[0].IsValid() {
			t.Errorf("one too many: %v, known: %v", addrs, known)
		}
		p.Set(many("m", 3), []string{"corp.example"})
		if all := p.All(); len(all) != 7 { // five on demand and two that are named; n still has its address
			t.Errorf("%d have addresses: %v", len(all), all)
		}
		without := slices.DeleteFunc(many("m", 3), func(h string) bool { _, ok := p.Addrs(h); return ok })
		if len(without) != 1 {
			t.Fatalf("%v have none", without)
		}
		if addrs, known := p.Answer(without[0]); !known || addrs[0].IsValid() || !p.Exists(without[0]) {
			t.Errorf("without room: %v, known: %v", addrs, known)
		}
		time.Sleep(Keep / 2)
		p.Host(addrsOf(t, p, hosts[0])[1]) // all others were used last by All, at once
		for _, h := range hosts[1:4] {
			p.Answer(h)
			time.Sleep(time.Second)
		}
		p.Answer(hosts[4])
		p.mu.RLock()
		p.names[hosts[1]].used.Store(p.names[hosts[1]].used.Load() - 60) // least recently of all but n
		p.mu.RUnlock()
		time.Sleep(Keep/2 + every - time.Minute)
		if addrs, _ := p.Answer(without[0]); addrs[0].IsValid() {
			t.Error("room too early")
		}
		time.Sleep(2 * time.Minute)
		addrsOf(t, p, without[0]) // instead of n, which is gone
		if p.names["n.named.example"] != nil {
			t.Error("another made room than the one that nobody used")
		}
		if addrs, _ := p.Answer(hosts[5]); addrs[0].IsValid() {
			t.Error("one on demand has the room of the named")
		}
		time.Sleep(Keep)
		p.spare = 0
		addrsOf(t, p, hosts[5])
		if p.names[hosts[1]] != nil || p.names[hosts[0]] == nil {
			t.Error("another made room than the one used least recently")
		}
	})
}

func TestMost(t *testing.T) {
	p := open(t, Options{File: filepath.Join(t.TempDir(), "names")})
	p.Set(many("host", 40000), []string{"more.example"})
	if got := len(p.All()); got != Most {
		t.Errorf("%d names, want no more than %d", got, Most)
	}
	if addrs, known := p.Answer("one.more.example"); !known || addrs[0].IsValid() {
		t.Errorf("beyond: %v, known: %v", addrs, known)
	}
	if got := open(t, Options{File: p.o.File}).network; got != first {
		t.Errorf("after a start: %v", got)
	}
	q := open(t, Options{})
	q.Set(nil, []string{"corp.example"})
	for i, h := range many("h", Most) {
		if addrs, _ := q.Answer(h); addrs[0].IsValid() != (i < Most-spare) {
			t.Fatalf("on demand, the %dth: %v", i, addrs)
		}
	}
}

// All that ten thousand names need is less than 16 MiB.
func TestMemory(t *testing.T) {
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	hosts := many("some-application-with-a-name", 10000)
	before := heap()
	p := open(t, Options{File: filepath.Join(t.TempDir(), "names")})
	p.Set(hosts[:5000], []string{"corp.example"})
	for _, h := range hosts {
		addrsOf(t, p, h)
	}
	after := heap()
	if after > before+16<<20 {
		t.Errorf("%d KiB", (after-before)>>10)
	}
	t.Logf("%d KiB", (int64(after)-int64(before))>>10)
	if n := len(p.All()); n != len(hosts) {
		t.Errorf("%d names", n)
	}
}

func TestConcurrentUse(t *testing.T) {
	file := filepath.Join(t.TempDir(), "names")
	p := open(t, Options{File: file})
	hosts := many("h", 200)
	p.Set(hosts, []string{"corp.example"})
	addrs := addrsOf(t, p, hosts[0])
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for j := range 100 {
				p.Answer(fmt.Sprintf("d%d.corp.example", (i+j)%40))
				p.Answer(hosts[j])
				p.Addrs(hosts[j])
				p.Host(addrs[j%2])
				p.Below(hosts[j])
				p.Exists("corp.example")
				p.Zones()
				p.Reverse()
				p.Prefixes()
				switch j % 20 {
				case i:
					p.All()
				case i + 4:
					p.Set(hosts[i:], []string{"corp.example"})
				case i + 8:
					p.Move([]netip.Prefix{p.Prefixes()[0]})
				case i + 12:
					p.save()
				case i + 16:
					select {
					case <-p.Changed():
					default:
					}
				}
			}
		})
	}
	wg.Wait()
	p.Set(hosts, []string{"corp.example"})
	all := p.All()
	again := open(t, Options{File: file})
	again.Set(hosts, []string{"corp.example"})
	if diff := cmp.Diff(all, again.All(), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}

// What is excepted has no address, also where it had one, and exists all the same:
// there may be names below it.
func TestExcept(t *testing.T) {
	p := open(t, Options{})
	set := func(except func(string) bool) {
		p.Except(except)
		p.Set([]string{"named.corp.example"}, []string{"corp.example"})
	}
	set(nil)
	had := addrsOf(t, p, "a.corp.example")
	set(func(host string) bool { return host != "b.corp.example" })
	for _, host := range []string{"a.corp.example", "c.corp.example"} {
		if addrs, known := p.Answer(host); known || !p.Exists(host) || p.OnDemand(host) {
			t.Errorf("%s: %v, known: %v", host, addrs, known)
		}
	}
	if host, ok := p.Host(had[0]); ok {
		t.Errorf("%v stands for %s", had, host)
	}
	if !p.OnDemand("b.corp.example") || p.OnDemand("corp.example") || !p.Exists("corp.example") || p.OnDemand("named.corp.example") {
		t.Error("what is given an address on demand, and what is not")
	}
	addrsOf(t, p, "b.corp.example")
	addrsOf(t, p, "named.corp.example")
	if p.OnDemand("b.corp.example") {
		t.Error("it has an address already")
	}
	p.Except(nil)
	if _, known := p.Answer("a.corp.example"); known {
		t.Error("it counts before Set")
	}
	set(nil)
	if got := addrsOf(t, p, "a.corp.example"); got != had {
		t.Errorf("%v, had %v", got, had)
	}
}
