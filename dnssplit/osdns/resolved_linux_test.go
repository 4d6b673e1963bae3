package osdns

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"github.com/tidegate/tidegate/dnssplit/resolvedtest"
)

const zone = "example.zta"

var (
	server = netip.MustParseAddr("127.11.0.53")
	ours   = netip.MustParseAddr("100.96.0.7") // our answer
)

// seat is a machine with a real systemd-resolved, us on it, and a mode.
type seat struct {
	*resolvedtest.System
	t    *testing.T
	mode Mode
	o    Options
	c    Configurator
	stop func() // has nobody answer at our address
}

// each runs a test with every systemd-resolved there is, in each mode that it can.
func each(t *testing.T, f func(*seat)) {
	for _, r := range resolvedtest.Releases(t) {
		modes := []Mode{ModeLink}
		if r.Delegates {
			modes = append(modes, ModeDelegate)
		}
		for _, m := range modes {
			t.Run(r.Name+"/"+string(m), func(t *testing.T) {
				t.Parallel()
				f(sit(t, r, m))
			})
		}
	}
}

func sit(t *testing.T, r resolvedtest.Release, m Mode) *seat {
	s := &seat{System: resolvedtest.Start(t, r), t: t, mode: m}
	s.o = Options{Root: s.Root, Bus: s.Bus}
	var err error
	if s.c, err = New(m, s.o); err != nil {
		t.Fatal(err)
	}
	s.serve()
	return s
}

// cleanups are those of a server that ends before its test.
type cleanups []func()

func (c *cleanups) Cleanup(f func()) { *c = append(*c, f) }

func (s *seat) serve() {
	s.t.Helper()
	var c cleanups
	err := resolvedtest.Serve(&c, s.Space.Do, netip.AddrPortFrom(server, 53), resolvedtest.Always(ours))
	if err != nil {
		s.t.Fatal(err)
	}
	stopped := false
	s.stop = func() {
		for _, f := range c {
			if !stopped {
				f()
			}
		}
		stopped = true
	}
	s.t.Cleanup(s.stop)
}

func (s *seat) apply(w Want) Told {
	s.t.Helper()
	var told Told
	err := s.Do(func() (err error) { told, err = s.c.Apply(s.t.Context(), w); return err })
	if err != nil {
		s.t.Fatal(err)
	}
	return told
}

func (s *seat) want(domains ...string) Want { return Want{Server: server, Domains: domains} }

// answers looks a name up, and says it is wrong if another than by answers.
func (s *seat) answers(name string, by netip.Addr) {
	s.t.Helper()
	f, err := s.Lookup(name)
	if err != nil || !slices.Equal(f.Addrs, []netip.Addr{by}) {
		s.t.Errorf("%s is %+v, want %s: %v", name, f, by, err)
	}
}

// noLeak says it is wrong if any of sides has seen one of our names.
func (s *seat) noLeak(sides ...*resolvedtest.Side) {
	s.t.Helper()
	for _, side := range append(sides, s.Physical) {
		if n := side.Leaked(zone); n != nil {
			s.t.Errorf("%s has seen %v", side.Name, n)
		}
	}
}

// picture is all that we might change.
func (s *seat) picture() string {
	s.t.Helper()
	var b strings.Builder
	err := s.Do(func() error {
		r, err := dialResolve1(s.t.Context(), s.o)
		if err != nil {
			return err
		}
		defer r.close()
		p, err := r.picture(s.t.Context())
		if err != nil {
			return err
		}
		links, err := exec.Command("ip", "-o", "address").Output()
		// The kernel looks for others with an address for a moment.
		fmt.Fprintf(&b, "%s\n%s", p, bytes.ReplaceAll(links, []byte(" tentative"), nil))
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, dir := range []string{delegateDir, stateDir, "/etc"} {
		filepath.WalkDir(s.o.path(dir), func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				info, err := d.Info()
				if err != nil {
					return err
				}
				fmt.Fprintln(&b, path, info.Mode(), info.ModTime().UnixNano())
			}
			return nil
		})
	}
	return b.String()
}

func TestSplitHolds(t *testing.T) {
	each(t, func(s *seat) {
		before := s.picture()
		s.answers("before."+zone, s.Physical.Answer)
		seen := len(s.Physical.Leaked(zone))
		s.apply(s.want(zone, "96.100.in-addr.arpa"))
		s.answers("wiki."+zone, ours)
		s.answers(zone, ours)
		s.answers("A.Deep.Name.Example.ZTA", ours)
		s.answers("www.debian.org", s.Physical.Answer)
		s.answers("notexample.zta", s.Physical.Answer)

		vpn := s.AddVPN("vpn0", "~.")
		s.answers("git."+zone, ours)
		s.answers("www.kernel.org", vpn.Answer)
		if n := vpn.Leaked(zone); n != nil {
			t.Errorf("the VPN has seen %v", n)
		}
		applied := s.picture()
		s.apply(s.want("96.100.in-addr.arpa", zone))
		if diff := cmp.Diff(applied, s.picture()); diff != "" {
			t.Errorf("applying it again has changed:\n%s", diff)
		}
		s.RemoveVPN(vpn)
		s.answers("ci."+zone, ours)
		s.answers("www.gnu.org", s.Physical.Answer)

		s.stop()
		f, err := s.Lookup("crashed." + zone)
		if err != nil || f.Rcode != "SERVFAIL" || f.Took > 20*time.Second {
			t.Errorf("with nobody there a name of ours is %+v, %v", f, err)
		}
		t.Logf("with nobody there: %s in %v", f.Rcode, f.Took)
		s.answers("www.gnome.org", s.Physical.Answer)
		if n := s.Physical.Leaked(zone); len(n) != seen {
			t.Errorf("the physical side has seen %v", n)
		}
		s.serve()
		s.answers("back."+zone, ours)

		s.apply(Want{})
		s.apply(Want{})
		s.answers("after."+zone, s.Physical.Answer)
		if diff := cmp.Diff(before, s.picture()); diff != "" {
			t.Errorf("it is not as it was:\n%s", diff)
		}
	})
}

// watch applies w again whenever Watch says so, until stop is called.
func (s *seat) watch(w Want) (stop func()) {
	ctx, cancel := context.WithCancel(s.t.Context())
	again, ended, applied := make(chan struct{}, 1), make(chan error, 1), make(chan struct{})
	go func() {
		ended <- s.Do(func() error { return s.c.Watch(ctx, func() { poke(again) }) })
	}()
	go func() {
		defer close(applied)
		for {
			select {
			case <-ctx.Done():
				return
			case <-again:
			}
			err := s.Do(func() error { _, err := s.c.Apply(ctx, w); return err })
			if err != nil && ctx.Err() == nil {
				s.t.Logf("apply again: %v", err) // systemd-resolved is away
			}
		}
	}()
	return func() {
		s.t.Helper()
		cancel()
		<-applied
		if err := <-ended; !errors.Is(err, context.Canceled) {
			s.t.Errorf("watching ended with %v", err)
		}
	}
}

// While systemd-resolved restarts, as systemd does it, no name of ours goes
// elsewhere.
func TestRestarted(t *testing.T) {
	each(t, func(s *seat) {
		s.apply(s.want(zone))
		stop := s.watch(s.want(zone))
		ctx, cancel := context.WithCancel(t.Context())
		asked := make(chan int)
		go func() {
			n := 0
			for ; ctx.Err() == nil; n++ {
				m := new(dns.Msg).SetQuestion(fmt.Sprintf("n%d.%s.", n, zone), dns.TypeA)
				f, err := s.Ask(m, 50*time.Millisecond) // it may be away
				if err == nil && len(f.Addrs) > 0 && f.Addrs[0] != ours {
					t.Errorf("a name of ours is %+v", f)
				}
				select {
				case <-ctx.Done():
				case <-time.After(time.Millisecond):
				}
			}
			asked <- n
		}()
		for range 3 {
			s.Restart()
			s.eventuallyOurs("restarted." + zone)
			s.answers("www.debian.org", s.Physical.Answer)
		}
		cancel()
		t.Logf("%d names of ours were asked for meanwhile", <-asked)
		s.noLeak()
		stop()
	})
}

// What is lost is applied again: that of the links, with the folder that
// systemd-resolved keeps it in, and what somebody removes.
func TestLost(t *testing.T) {
	each(t, func(s *seat) {
		s.apply(s.want(zone))
		stop := s.watch(s.want(zone))
		s.StopResolved()
		if err := os.RemoveAll(filepath.Join(s.Root, "run/systemd/resolve/netif")); err != nil {
			t.Fatal(err)
		}
		s.StartResolved()
		s.eventuallyOurs("restarted." + zone)
		s.answers("www.debian.org", s.Physical.Answer)
		err := s.Do(func() error {
			if s.mode == ModeDelegate {
				return os.Remove(s.o.path(delegateDir + "/tidegate.dns-delegate"))
			}
			return exec.Command("ip", "link", "del", linkName(0)).Run()
		})
		if err != nil {
			t.Fatal(err)
		}
		vpn := s.AddVPN("vpn0", "~.")
		s.eventuallyApplied(s.want(zone))
		s.eventuallyOurs("again." + zone)
		// One that reads its files anew refuses what it is asked at that moment.
		s.eventually("the VPN to answer", func() bool {
			f, err := s.Lookup("www.kernel.org")
			return err == nil && slices.Equal(f.Addrs, []netip.Addr{vpn.Answer})
		})
		if s.mode == ModeDelegate {
			s.noLeak(vpn)
		}
		stop()
	})
}

// eventuallyApplied waits for what is wanted to be there.
func (s *seat) eventuallyApplied(w Want) {
	s.t.Helper()
	s.eventually("it to be applied again", func() bool {
		if s.mode == ModeDelegate {
			_, err := os.Stat(s.o.path(delegateDir + "/tidegate.dns-delegate"))
			return err == nil
		}
		return s.Do(func() error { _, err := os.Stat("/proc/sys/net/ipv4/conf/" + linkName(0)); return err }) == nil
	})
}

// eventuallyOurs waits for a name to be answered by us.
func (s *seat) eventuallyOurs(name string) {
	s.t.Helper()
	s.eventually(name+" to be ours", func() bool {
		f, err := s.Lookup(name)
		return err == nil && slices.Equal(f.Addrs, []netip.Addr{ours})
	})
}

func (s *seat) eventually(what string, so func() bool) {
	s.t.Helper()
	for end := time.Now().Add(resolvedtest.Patience); !so(); {
		if time.Now().After(end) {
			s.t.Fatalf("waited in vain for %s", what)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func TestResolvedCompetitors(t *testing.T) {
	each(t, func(s *seat) {
		vpn := s.AddVPN("tailscale0")
		for _, tt := range []struct {
			name    string
			domains []string
			want    []Competitor
		}{
			{"none", nil, nil},
			{"another suffix", []string{"~corp.example", "~aexample.zta"}, nil},
			{"everything", []string{"~."}, []Competitor{{Domain: "."}}},
			{"a shorter one", []string{"~zta"}, []Competitor{{Domain: "zta"}}},
			{"the same", []string{"~example.zta"}, []Competitor{{Domain: zone, Wins: true}}},
			{"the same, as a search domain", []string{"example.zta"}, []Competitor{{Domain: zone, Wins: true}}},
			{"longer ones", []string{"~b.example.zta", "~a.example.zta"}, []Competitor{{Domain: "a.example.zta", Wins: true}, {Domain: "b.example.zta", Wins: true}}},
		} {
			s.SetDomains(vpn, tt.domains...)
			for i := range tt.want {
				tt.want[i].Link, tt.want[i].Program = "tailscale0", "Tailscale"
			}
			if diff := cmp.Diff(tt.want, s.apply(s.want(zone)).Competitors); diff != "" {
				t.Errorf("%s:\n%s", tt.name, diff)
			}
		}
		if s.mode != ModeDelegate {
			return
		}
		s.SetDomains(vpn)
		err := os.WriteFile(s.o.path(delegateDir+"/corp.dns-delegate"), []byte("[Delegate]\nDNS=10.9.9.9\nDomains=~example.zta\n"), 0o644)
		if err != nil {
			t.Fatal(err)
		}
		s.apply(s.want(zone, "more."+zone)) // has it read them all
		want := []Competitor{{Program: "corp.dns-delegate", Domain: zone, Wins: true}}
		if diff := cmp.Diff(want, s.apply(s.want(zone)).Competitors); diff != "" {
			t.Errorf("another delegate:\n%s", diff)
		}
	})
}

func TestManyDomains(t *testing.T) {
	each(t, func(s *seat) {
		before := s.picture()
		var all []string
		for i := range 700 {
			all = append(all, fmt.Sprintf("app%d.%s", i, zone))
		}
		s.apply(s.want(all...))
		s.answers("app0."+zone, ours)
		s.answers("app399."+zone, ours)
		s.answers("x.app699."+zone, ours)
		s.answers("app700."+zone, s.Physical.Answer)
		s.apply(s.want(append(all[300:500:500], "new."+zone)...))
		s.answers("app300."+zone, ours)
		s.answers("new."+zone, ours)
		s.answers("app299."+zone, s.Physical.Answer)
		s.apply(Want{})
		if diff := cmp.Diff(before, s.picture()); diff != "" {
			t.Errorf("it is not as it was:\n%s", diff)
		}
	})
}

// What is left by one who was killed is taken back by the next, whatever is left
// of the journal.
func TestUndoAfterKill(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"with the journal":         func(string) error { return nil },
		"without the journal":      os.Remove,
		"with half of the journal": func(path string) error { return os.Truncate(path, 20) },
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(s *seat) {
				before := s.picture()
				s.apply(s.want(zone))
				if err := damage(s.o.path(journalFile)); err != nil {
					t.Fatal(err)
				}
				s.answers("wiki."+zone, ours)
				if err := s.Do(func() error { return Undo(t.Context(), s.o) }); err != nil {
					t.Fatal(err)
				}
				if err := s.Do(func() error { return Undo(t.Context(), s.o) }); err != nil {
					t.Fatal(err)
				}
				os.Remove(s.o.path(journalFile) + ".damaged")
				if diff := cmp.Diff(before, s.picture()); diff != "" {
					t.Errorf("it is not as it was:\n%s", diff)
				}
			})
		})
	}
}

// Between making a link and naming it ours there may be a crash.
func TestLinkWithoutAlias(t *testing.T) {
	s := sit(t, resolvedtest.Releases(t)[0], ModeLink)
	before := s.picture()
	for _, again := range []bool{true, false} {
		s.apply(s.want(zone))
		err := s.Do(func() error { return exec.Command("ip", "link", "set", linkName(0), "alias", "").Run() })
		if err != nil {
			t.Fatal(err)
		}
		if again {
			s.apply(s.want(zone))
			s.answers("wiki."+zone, ours)
		}
		if err := s.Do(func() error { return Undo(t.Context(), s.o) }); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, s.picture()); diff != "" {
			t.Errorf("it is not as it was:\n%s", diff)
		}
	}
}

// A link of our name that somebody else made is not touched.
func TestLinkOfOthers(t *testing.T) {
	s := sit(t, resolvedtest.Releases(t)[0], ModeLink)
	err := s.Do(func() error { return exec.Command("ip", "link", "add", linkName(0), "type", "veth").Run() })
	if err != nil {
		t.Fatal(err)
	}
	before := s.picture()
	err = s.Do(func() error { _, err := s.c.Apply(t.Context(), s.want(zone)); return err })
	if err == nil || !strings.Contains(err.Error(), "not ours") {
		t.Errorf("applied: %v", err)
	}
	if err := s.Do(func() error { return Undo(t.Context(), s.o) }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, s.picture()); diff != "" {
		t.Errorf("it is not as it was:\n%s", diff)
	}
}

// A crash between removing the files and telling systemd-resolved leaves it with
// what it has read.
func TestUndoWhatIsReadOnly(t *testing.T) {
	for _, r := range resolvedtest.Releases(t) {
		if !r.Delegates {
			continue
		}
		s := sit(t, r, ModeDelegate)
		before := s.picture()
		s.apply(s.want(zone))
		if err := os.Remove(s.o.path(delegateDir + "/tidegate.dns-delegate")); err != nil {
			t.Fatal(err)
		}
		if err := s.Do(func() error { return Undo(t.Context(), s.o) }); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, s.picture()); diff != "" {
			t.Errorf("it is not as it was:\n%s", diff)
		}
	}
}

// Who applies in another mode than the last did takes that back.
func TestModesTakeTurns(t *testing.T) {
	releases := resolvedtest.Releases(t)
	modes := []Mode{ModeLink, ModeDirect, ModeLink}
	if r := releases[len(releases)-1]; r.Delegates {
		modes = []Mode{ModeLink, ModeDelegate, ModeDirect, ModeDelegate, ModeLink, ModeDirect}
	}
	s := sit(t, releases[len(releases)-1], ModeLink)
	before := s.picture()
	for _, s.mode = range modes {
		var err error
		if s.c, err = New(s.mode, s.o); err != nil {
			t.Fatal(err)
		}
		s.apply(s.want(zone))
		var links []string
		if err := s.Do(func() error {
			ours, err := ourLinks()
			links = slices.Sorted(maps.Keys(ours))
			return err
		}); err != nil {
			t.Fatal(err)
		}
		delegates, _ := filepath.Glob(s.o.path(delegateDir + "/*"))
		conf := covered([]byte(read(t, s.o, resolvConf)))
		got := []bool{len(links) > 0, len(delegates) > 0, conf}
		if diff := cmp.Diff([]bool{s.mode == ModeLink, s.mode == ModeDelegate, s.mode == ModeDirect}, got); diff != "" {
			t.Errorf("in mode %s there are links %v, delegates %v, and resolv.conf is ours: %v", s.mode, links, delegates, conf)
		}
	}
	if err := s.Do(func() error { return Undo(t.Context(), s.o) }); err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`(?m)^.*/etc/resolv.conf .*$`) // written anew, as it was
	if diff := cmp.Diff(before, s.picture()); diff != "" && names.ReplaceAllString(before, "") != names.ReplaceAllString(s.picture(), "") {
		t.Errorf("it is not as it was:\n%s", diff)
	}
}

// Without a bus it is told, soon, and undoing what is there works.
func TestNoBus(t *testing.T) {
	o := Options{Root: t.TempDir(), Bus: "unix:path=" + t.TempDir() + "/none"}
	for _, m := range []Mode{ModeLink, ModeDelegate} {
		c, err := New(m, o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Apply(t.Context(), Want{Server: server, Domains: []string{zone}}); err == nil {
			t.Errorf("%s: applied without a bus", m)
		}
	}
	if files, err := (&delegate{o}).files(); err != nil || len(files) != 1 {
		t.Errorf("there is %v, %v: what it is to read when it comes", files, err)
	}
	d := &delegate{o}
	if err := d.undo(t.Context()); err != nil {
		t.Errorf("undo: %v", err)
	}
	if files, err := d.files(); err != nil || len(files) != 0 {
		t.Errorf("left: %v, %v", files, err)
	}
}
