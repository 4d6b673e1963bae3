package splittest

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/tidegate/tidegate/dnssplit/osdns"
	"github.com/tidegate/tidegate/dnssplit/resolvedtest"
)

const (
	lookedUp = 10_500 // how many lookups are made in each mode
	together = 100    // names for one getent
)

// kinds are the ways in which the system is told.
func kinds(t *testing.T, each func(t *testing.T, m *machine)) {
	releases := resolvedtest.Releases(t)
	for _, r := range releases {
		t.Run("systemd-resolved "+r.Version, func(t *testing.T) {
			mode := osdns.ModeLink
			if r.Delegates {
				mode = osdns.ModeDelegate
			}
			each(t, start(t, r, mode))
		})
	}
	t.Run("resolv.conf", func(t *testing.T) { each(t, start(t, releases[0], osdns.ModeDirect)) })
}

// lookups are questions of every kind, names that the C library completes, and
// what came of them.
type lookups struct {
	wired, typed []question
	answers      []*dns.Msg
	found        []netip.Addr
}

// look asks for n names, two thirds of which by questions of its own.
func (m *machine) look(r *rand.Rand, n int) (l lookups) {
	m.t.Helper()
	var addrs []netip.Addr
	for _, h := range hosts {
		a := m.first.Names[h]
		addrs = append(addrs, a[0], a[1])
	}
	for i := range n {
		if i%3 == 2 {
			l.typed = append(l.typed, typed(r, m.mode.All()))
		} else {
			l.wired = append(l.wired, wire(r, m.mode.All(), addrs))
		}
	}
	l.mixed(m.t, n)
	began := time.Now()
	l.answers, l.found = m.askAll(l.wired), m.typeAll(l.typed)
	m.t.Logf("seed %d: %d lookups in %v", seed, n, time.Since(began))
	return l
}

// mixed fails where what was drawn has not enough of something.
func (l lookups) mixed(t *testing.T, n int) {
	t.Helper()
	count := func(all []question, is func(q question) bool) (n int) {
		for _, q := range all {
			if is(q) {
				n++
			}
		}
		return n
	}
	owned := func(q question) bool { return ours(q.owner) }
	for name, tt := range map[string]struct{ got, least int }{
		"by getent":              {len(l.typed), n / 3},
		"by questions":           {len(l.wired), n / 2},
		"of ours by getent":      {count(l.typed, owned), n / 12},
		"of ours by questions":   {count(l.wired, owned), n / 8},
		"of others by getent":    {count(l.typed, func(q question) bool { return q.owner != "" && !owned(q) }), n / 20},
		"of others by questions": {count(l.wired, func(q question) bool { return q.owner != "" && !owned(q) }), n / 12},
		"of no one's":            {count(l.wired, func(q question) bool { return q.owner == "" && !q.odd }), n / 40},
		"in letters of any case": {count(l.wired, func(q question) bool { return q.name != strings.ToLower(q.name) }), n / 2},
		"with a last dot":        {count(l.typed, func(q question) bool { return strings.HasSuffix(q.name, ".") }), n / 30},
		"by a search list": {count(l.typed, func(q question) bool {
			return q.owner != "" && !strings.EqualFold(q.name, q.owner) && !strings.HasSuffix(q.name, ".") && next(canonical(q.name)) == ""
		}), n / 60},
		"of aliases":       {count(l.wired, func(q question) bool { return q.alias }), n / 20},
		"of other types":   {count(l.wired, func(q question) bool { return q.typ != dns.TypeA && q.typ != dns.TypeAAAA }), n / 4},
		"by TCP":           {count(l.wired, func(q question) bool { return q.tcp }), n / 200},
		"with EDNS":        {count(l.wired, func(q question) bool { return q.edns || q.dnssec }), n / 12},
		"that are checked": {count(l.wired, func(q question) bool { return !q.odd }), n / 3},
	} {
		if tt.got < tt.least {
			t.Errorf("%d lookups are %s, of %d; at least %d are to be", tt.got, name, n, tt.least)
		}
	}
}

// check says which answers are wrong.
func (l lookups) check(t *testing.T, names map[string][2]netip.Addr) {
	t.Helper()
	bad := 0
	wrong := func(format string, a ...any) {
		if bad++; bad <= 10 {
			t.Errorf(format, a...)
		}
	}
	for i, q := range l.wired {
		if err := q.check(l.answers[i], names); err != nil {
			wrong("%s %s: %v", q.name, dns.Type(q.typ), err)
		}
	}
	for i, q := range l.typed {
		var want netip.Addr
		switch {
		case q.owner == "":
		case ours(q.owner):
			want = names[q.owner][0]
		default:
			want = address(q.owner)
		}
		if l.found[i] != want || q.owner != "" && !want.IsValid() {
			wrong("getent %s finds %v, want %v of %q", q.name, l.found[i], want, q.owner)
		}
	}
	if bad > 0 {
		t.Errorf("%d of %d are wrong", bad, len(l.wired)+len(l.typed))
	}
}

// seed is what the lookups are drawn from.
const seed = 5

// Whatever is asked, names of ours never leave the machine, and where others need
// not come to the client, they do not: neither beside a VPN that wants every name,
// nor with the client gone without a word. A name of ours is one of the zones or
// below one: what the C library makes of a name that was not found, by a search
// list, is another.
func TestSplit(t *testing.T) {
	kinds(t, func(t *testing.T, m *machine) {
		r := rand.New(rand.NewPCG(seed, 0))
		m.step("lookups", func(t *testing.T) {
			m.look(r, lookedUp).check(t, m.told().Names)
			m.checkSplit()
		})
		if !m.mode.All() {
			m.connect()
			m.step("beside a VPN", func(t *testing.T) {
				m.look(r, lookedUp/5).check(t, m.told().Names)
				m.checkSplit()
			})
		}
		known := m.told().Names
		m.kill()
		m.step("without the client", func(t *testing.T) {
			l := m.look(r, lookedUp/20)
			failed := 0
			for i, q := range l.wired {
				a := l.answers[i]
				if a == nil && m.mode.All() { // there is nobody to answer
					continue
				}
				// What was asked before may be kept for a while.
				if _, before := known[canonical(q.name)]; before {
					continue
				}
				switch owned := ours(canonical(q.name)); {
				case !owned && !ours(q.owner):
					if err := q.check(a, nil); err != nil {
						t.Errorf("of the network's, %s %s: %v", q.name, dns.Type(q.typ), err)
					}
				case !owned: // an alias of ours, which may end there
				case a == nil || a.Rcode != dns.RcodeServerFailure:
					t.Errorf("of ours, %s %s: %v", q.name, dns.Type(q.typ), a)
				default:
					failed++
				}
			}
			if failed == 0 && !m.mode.All() {
				t.Error("no lookup of a name of ours has failed")
			}
			for i, q := range l.typed {
				_, before := known[q.owner]
				switch {
				case before:
				case ours(q.owner) && l.found[i].IsValid():
					t.Errorf("getent %s finds %v", q.name, l.found[i])
				case !ours(q.owner) && q.owner != "" && !m.mode.All() && l.found[i] != address(q.owner):
					t.Errorf("getent %s finds %v, want %v of the network's %q", q.name, l.found[i], address(q.owner), q.owner)
				}
			}
			m.checkSplit()
		})
	})
}

// checkSplit looks at what went where since the machine was made.
func (m *machine) checkSplit() {
	m.t.Helper()
	witnesses := map[string]*witness{"the network": m.wire, "the client": m.local}
	if m.vpn != nil {
		witnesses["the VPN"] = m.vpn
	}
	for name, s := range witnesses {
		n, err := s.Missed()
		if err = errors.Join(err, s.Catch()); err != nil || n > 0 {
			m.t.Errorf("%d packets to %s were missed: %v", n, name, err)
		}
		own, others, names := s.counts()
		m.t.Logf("to %s: %d questions for names of ours, %d for others", name, own, others)
		if s != m.local {
			leaks := s.leaked()
			for _, leak := range leaks[:min(5, len(leaks))] {
				m.t.Errorf("of %d packets with names of ours to %s: %s", len(leaks), name, leak)
			}
		} else if others > 0 && !m.mode.All() {
			m.t.Errorf("the client was asked %d times for names that are not ours: %q", others, names[:min(5, len(names))])
		}
	}
	if m.client == nil || m.mode.All() {
		return
	}
	if n := m.told().Foreign; len(n) > 0 {
		m.t.Errorf("the client has been asked for %q", n[:min(5, len(n))])
	}
}

// askAll asks the machine's resolver, and returns the answers, nil where none came.
func (m *machine) askAll(all []question) []*dns.Msg {
	answers := make([]*dns.Msg, len(all))
	var at atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			err := m.Space.Do(func() error {
				udp, err := dns.DialTimeout("udp", m.resolver().String(), resolvedtest.Patience)
				if err != nil {
					return err
				}
				defer udp.Close()
				for i := at.Add(1) - 1; i < int64(len(all)); i = at.Add(1) - 1 {
					answers[i] = m.ask(udp, all[i])
				}
				return nil
			})
			if err != nil {
				m.t.Error(err)
			}
		})
	}
	wg.Wait()
	return answers
}

func (m *machine) ask(udp *dns.Conn, q question) *dns.Msg {
	query := new(dns.Msg).SetQuestion(q.name, q.typ)
	if q.edns || q.dnssec {
		query.SetEdns0(1232, q.dnssec)
	}
	for range 3 { // as the C library does
		c := dns.Client{Timeout: resolvedtest.Patience / 4}
		if q.tcp {
			c.Net = "tcp"
			if a, _, err := c.Exchange(query, m.resolver().String()); err == nil {
				return a
			}
			continue
		}
		if a, _, err := c.ExchangeWithConn(query, udp); err == nil {
			return a
		}
	}
	return nil
}

// check says what is wrong with an answer.
func (q question) check(a *dns.Msg, names map[string][2]netip.Addr) error {
	if a == nil {
		return errors.New("no answer")
	}
	var got []netip.Addr
	for _, rr := range a.Answer {
		switch rr := rr.(type) {
		case *dns.A:
			ip, _ := netip.AddrFromSlice(rr.A.To4())
			got = append(got, ip)
		case *dns.AAAA:
			ip, _ := netip.AddrFromSlice(rr.AAAA)
			got = append(got, ip)
		}
	}
	if slices.Contains(got, leaked) {
		return fmt.Errorf("the network has answered for a name of ours")
	}
	if q.odd {
		return nil
	}
	var want []netip.Addr
	code := dns.RcodeSuccess
	switch own := ours(q.owner); {
	case q.owner == "" && !q.alias:
		code = dns.RcodeNameError
	case q.owner == "":
	case q.alias && q.typ == dns.TypeCNAME:
	case own && q.typ == dns.TypeA:
		want = []netip.Addr{names[q.owner][0]}
	case own && q.typ == dns.TypeAAAA:
		want = []netip.Addr{names[q.owner][1]}
	case q.typ == dns.TypeA:
		want = []netip.Addr{address(q.owner)}
	}
	if q.alias && q.dnssec && a.Rcode == code && len(got) == 0 {
		return nil // a newer systemd-resolved passes the network's answer on: where the alias leads is for the program to ask
	}
	if a.Rcode != code || !slices.Equal(got, want) {
		return fmt.Errorf("%s %v, want %s %v (of %s)", dns.RcodeToString[a.Rcode], got, dns.RcodeToString[code], want, q.owner)
	}
	return nil
}

// typeAll looks names up with getent, and returns the first IPv4 address of each;
// the zero address where there is none.
func (m *machine) typeAll(all []question) (found []netip.Addr) {
	m.t.Helper()
	for part := range slices.Chunk(all, together) {
		args := []string{"ahosts"}
		var there []int // those that are to be found
		for i, q := range part {
			args = append(args, q.name)
			if q.owner != "" {
				there = append(there, i)
			}
		}
		addrs := make([]netip.Addr, len(part))
		if got := groups(m.run("getent", args...)); len(got) == len(there) {
			for i, at := range there {
				addrs[at] = got[i]
			}
		} else { // it does not say which: one by one
			for i, q := range part {
				if got := groups(m.run("getent", "ahosts", q.name)); len(got) > 0 {
					addrs[i] = got[0]
				}
			}
		}
		found = append(found, addrs...)
	}
	return found
}

// groups reads the output of getent ahosts: for each name some lines, the first
// of which has the name, too.
func groups(out string) (all []netip.Addr) {
	for line := range strings.Lines(out) {
		f := strings.Fields(line)
		if len(f) < 2 || f[1] != "STREAM" {
			continue
		}
		a, err := netip.ParseAddr(f[0])
		if err != nil {
			continue
		}
		if len(f) == 3 {
			all = append(all, netip.Addr{})
		}
		if n := len(all) - 1; n >= 0 && a.Is4() && !all[n].IsValid() {
			all[n] = a
		}
	}
	return all
}

// run runs a program on the machine and returns what it says; that it found
// nothing is no failure.
func (m *machine) run(name string, args ...string) string {
	m.t.Helper()
	c := m.Command(m.t.Context(), name, args...)
	var out, said bytes.Buffer
	c.Stdout, c.Stderr = &out, &said
	err := m.Do(c.Run)
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		m.t.Fatalf("%s: %v\n%s", name, err, said.String())
	}
	return out.String()
}
