package osdns

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"github.com/tidegate/tidegate/dnssplit/resolvedtest"
)

const ownZone = "own.example"

// tunnelled is the VPN of a seat's first tunnel, with names of its own, of ours and
// above ours.
func tunnelled() *VPN {
	return &VPN{Device: tidev.dev, Servers: []netip.Addr{netip.MustParseAddr("10.61.0.1")},
		Domains: []string{ownZone, zone, "sub." + zone, "zta"}, Search: []string{ownZone}}
}

func (s *seat) wantVPN(all bool, domains ...string) Want {
	w := Want{VPN: tunnelled()}
	if w.VPN.All = all; len(domains) > 0 {
		w.Server, w.Domains = server, domains
	}
	return w
}

// scopes are what a link is in use for: an address of the link alone comes later than
// the link.
var scopes = regexp.MustCompile(`\{\d+ `)

// vpnSays is all that systemd-resolved says of the VPN's device.
func (s *seat) vpnSays() (says string) {
	s.t.Helper()
	err := s.Do(func() error {
		r, err := dialResolve1(s.t.Context(), s.o)
		if err != nil {
			return err
		}
		defer r.close()
		says = r.vpnState(s.t.Context())
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return scopes.ReplaceAllString(says, "{")
}

// same fails where it is not as it was.
func (s *seat) same(when, before string) {
	s.t.Helper()
	if diff := cmp.Diff(before, s.picture()+s.vpnSays()); diff != "" {
		s.t.Errorf("%s: it is not as it was:\n%s", when, diff)
	}
}

// only fails where the VPN has seen another name than its own, but for the machine's,
// which systemd-resolved calls into each link that comes.
func (s *seat) only(vpn *resolvedtest.Side) {
	s.t.Helper()
	for _, n := range vpn.Seen() {
		if !strings.Contains(n, ".") || strings.HasSuffix(n, ".local") {
			continue
		}
		if n != ownZone && !strings.HasSuffix(n, "."+ownZone) && n != "zta" && !strings.HasSuffix(n, ".zta") {
			s.t.Errorf("the VPN has seen %s", n)
		}
	}
}

// Its own names go to the VPN and no others, ours come to us, whichever of both
// comes or goes first, and in the end all is as it was.
func TestOwnVPNByResolved(t *testing.T) {
	each(t, func(s *seat) {
		vpn, _ := s.AddTunnel(tidev.dev)
		before := s.picture() + s.vpnSays()
		s.apply(s.wantVPN(false))
		s.answers("git."+ownZone, vpn.Answer)
		s.answers("www.debian.org", s.Physical.Answer)
		s.only(vpn)
		seen := len(vpn.Leaked(zone))

		told := s.apply(s.wantVPN(false, zone))
		s.answers("wiki."+zone, ours)
		s.answers("x.sub."+zone, ours)
		s.answers("other.zta", vpn.Answer)
		s.answers("ci."+ownZone, vpn.Answer)
		s.answers("www.gnu.org", s.Physical.Answer)
		for _, c := range told.Competitors {
			if c.Wins || c.Domain != "zta" || c.Link != tidev.dev {
				t.Errorf("there competes %+v", c)
			}
		}
		s.only(vpn)

		s.apply(s.wantVPN(true, zone, "96.100.in-addr.arpa"))
		s.answers("git."+zone, ours)
		s.answers("www.kernel.org", vpn.Answer)
		s.answers("x."+ownZone, vpn.Answer)
		reverse := new(dns.Msg).SetQuestion("7.0.96.100.in-addr.arpa.", dns.TypePTR)
		if _, err := s.Ask(reverse, resolvedtest.Patience); err != nil {
			t.Error(err)
		}
		if n := vpn.Leaked("96.100.in-addr.arpa"); n != nil {
			t.Errorf("the VPN has seen %v", n)
		}
		s.answers("www.example.org", vpn.Answer)
		applied := s.picture() + s.vpnSays()
		s.apply(s.wantVPN(true, "96.100.in-addr.arpa", zone))
		s.same("applied again", applied)
		w := s.wantVPN(true, zone)
		w.Strict = true
		s.apply(w)
		s.answers("www.gnome.org", s.Physical.Answer)
		s.answers("y."+ownZone, vpn.Answer)

		s.apply(s.wantVPN(true, zone))
		s.stop() // nobody is there of ours
		if f, err := s.Lookup("crashed." + zone); err != nil || f.Rcode != "SERVFAIL" {
			t.Errorf("with nobody there a name of ours is %+v, %v", f, err)
		}
		s.serve()
		s.apply(s.want(zone))
		s.answers("www.kde.org", s.Physical.Answer)
		s.answers("back."+zone, ours)
		s.apply(s.wantVPN(false, zone))
		s.answers("again."+ownZone, vpn.Answer)
		if n := vpn.Leaked(zone); len(n) != seen {
			t.Errorf("the VPN has seen %v", n)
		}
		s.noLeak()
		s.apply(s.wantVPN(false))
		s.apply(Want{})
		s.same("undone", before)
		s.answers("www.w3.org", s.Physical.Answer)
	})
}

// Whoever is killed, the next takes all back, or goes on.
func TestOwnVPNKilledByResolved(t *testing.T) {
	each(t, func(s *seat) {
		s.AddTunnel(tidev.dev)
		before := s.picture() + s.vpnSays()
		for _, tt := range []struct {
			from Want
			does string
		}{{Want{}, "both"}, {s.want(zone), "vpn"}, {s.wantVPN(true, zone, "more."+zone), "undo"}} {
			kills := 0
			for after := time.Duration(0); ; after = later(after) {
				s.apply(tt.from)
				killed := s.killed(tt.does, after)
				if kills%2 == 1 {
					s.apply(s.wantVPN(true, zone))
					s.answers("wiki."+zone, ours)
				}
				if err := s.Do(func() error { return Undo(t.Context(), s.o) }); err != nil {
					t.Fatal(err)
				}
				s.same(tt.does+" killed after "+after.String(), before)
				if !killed {
					break
				}
				kills++
			}
			t.Logf("%s: killed %d times", tt.does, kills)
		}
		s.apply(s.wantVPN(true, zone))
		if err := os.Remove(s.o.path(journalFile)); err != nil {
			t.Fatal(err)
		}
		if err := s.Do(func() error { return Undo(t.Context(), s.o) }); err != nil {
			t.Fatal(err)
		}
		s.same("without the journal", before)
	})
}

// What is lost is applied again: when systemd-resolved has come anew and knows
// nothing, and when somebody has it forget. Without its device the VPN has gone, and
// ours stays.
func TestOwnVPNWatchedByResolved(t *testing.T) {
	each(t, func(s *seat) {
		vpn, cut := s.AddTunnel(tidev.dev)
		w := s.wantVPN(true, zone)
		s.apply(w)
		stop := s.watch(w)
		is := func(name string, by netip.Addr) {
			t.Helper()
			s.eventually(name+" to be "+by.String(), func() bool {
				f, err := s.Lookup(name)
				return err == nil && len(f.Addrs) == 1 && f.Addrs[0] == by
			})
		}
		s.StopResolved()
		if err := os.RemoveAll(filepath.Join(s.Root, "run/systemd/resolve/netif")); err != nil {
			t.Fatal(err)
		}
		s.StartResolved()
		is("restarted."+zone, ours)
		is("restarted."+ownZone, vpn.Answer)
		is("www.debian.org", vpn.Answer)
		err := s.Do(func() error {
			r, err := dialResolve1(t.Context(), s.o)
			if err != nil {
				return err
			}
			defer r.close()
			return r.manage(t.Context(), "RevertLink", int32(vpn.Index))
		})
		if err != nil {
			t.Fatal(err)
		}
		is("reverted."+ownZone, vpn.Answer)
		cut() // the VPN's program has ended, and its device waits for the next
		is("cut."+zone, ours)
		if err := s.Do(func() error { return exec.Command("ip", "link", "del", tidev.dev).Run() }); err != nil {
			t.Fatal(err)
		}
		is("www.kernel.org", s.Physical.Answer)
		is("gone."+zone, ours)
		if n := vpn.Leaked(zone); n != nil {
			t.Errorf("the VPN has seen %v", n)
		}
		stop()
	})
}

// As many domains as a VPN may have, and others after them.
func TestOwnVPNOfManyDomains(t *testing.T) {
	each(t, func(s *seat) {
		vpn, _ := s.AddTunnel(tidev.dev)
		before := s.picture() + s.vpnSays()
		for _, part := range []string{"a", "b"} {
			w := s.wantVPN(true, zone)
			w.VPN.Servers = append(w.VPN.Servers, netip.MustParseAddr("fd61::1"))
			w.VPN.Domains = []string{"below.x." + ownZone, "x." + ownZone}
			for i := range 254 {
				w.VPN.Domains = append(w.VPN.Domains, fmt.Sprintf("%s%d.example", part, i))
			}
			s.apply(w)
			s.apply(w)
			s.answers("git."+part+"253.example", vpn.Answer)
			s.answers("wiki."+zone, ours)
		}
		s.apply(Want{})
		s.same("undone", before)
	})
}

// Whatever the machine's owner has set for all servers, a VPN's are believed of its own
// names; where it is for all names it is as that is set, whatever it was for before.
func TestOwnVPNHardened(t *testing.T) {
	for _, conf := range []string{"DNSSEC=yes", "DNSOverTLS=yes"} {
		for _, r := range resolvedtest.Releases(t) {
			t.Run(conf+"/"+r.Name, func(t *testing.T) {
				t.Parallel()
				s := sit(t, r, ModeLink)
				s.hardened(conf)
				s.Restart()
				vpn, _ := s.AddTunnel(tidev.dev)
				s.apply(s.wantVPN(true, zone))
				full := s.vpnSays()
				if validates := strings.Contains(full, "DNSSEC:yes"); validates != (conf == "DNSSEC=yes") {
					t.Errorf("a VPN for all names is %s", full)
				}
				s.apply(s.wantVPN(false, zone))
				s.answers("git."+ownZone, vpn.Answer)
				s.answers("wiki."+zone, ours)
				s.apply(s.wantVPN(true, zone))
				if diff := cmp.Diff(full, s.vpnSays()); diff != "" {
					t.Errorf("for all names after its own, it is another (-want +got):\n%s", diff)
				}
				s.answers("git."+zone, ours)
				s.noLeak(vpn)
			})
		}
	}
}
