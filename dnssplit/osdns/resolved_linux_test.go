package osdns

import (
	"context"
	"fmt"
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
		reverse := new(dns.Msg).SetQuestion("7.0.96.100.in-addr.arpa.", dns.TypePTR)
		if _, err := s.Ask(reverse, resolvedtest.Patience); err != nil {
			t.Error(err)
		}
		if n := s.Physical.Leaked("96.100.in-addr.arpa"); n != nil {
			t.Errorf("the physical side has seen %v", n)
		}

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
