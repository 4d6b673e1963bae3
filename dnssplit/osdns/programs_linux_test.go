package osdns

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"

	"github.com/tidegate/tidegate/dnssplit/resolvedtest"
	"github.com/tidegate/tidegate/dnssplit/resolver"
)

// The test's own binary, started anew with this, answers where all names come to us,
// and passes on to these upstreams what is not ours.
const passesOn = "OSDNS_TEST_UPSTREAMS"

func init() {
	var to []resolver.Upstream
	if text := os.Getenv(passesOn); text == "" {
		return
	} else if err := json.Unmarshal([]byte(text), &to); err != nil {
		panic(err)
	}
	udp, err := net.ListenPacket("udp", netip.AddrPortFrom(server, 53).String())
	if err != nil {
		panic(err)
	}
	tcp, err := net.Listen("tcp", udp.LocalAddr().String())
	if err != nil {
		panic(err)
	}
	fmt.Println("it listens")
	r := resolver.New(resolver.Options{Zone: anyName{}})
	r.Forward(to)
	panic(r.Serve(context.Background(), udp, tcp))
}

// anyName is a zone of which each name has our address.
type anyName struct{}

func (anyName) Below(host string) bool              { return host == zone || strings.HasSuffix(host, "."+zone) }
func (anyName) Exists(string) bool                  { return true }
func (anyName) Answer(string) ([2]netip.Addr, bool) { return [2]netip.Addr{ours}, true }
func (anyName) Host(netip.Addr) (string, bool)      { return "", false }
func (anyName) Reverse() []string                   { return nil }
func (anyName) Prefixes() [2]netip.Prefix {
	return [2]netip.Prefix{netip.PrefixFrom(ours, 16).Masked()}
}

// asker is a machine on which programs look names up, told in some mode.
type asker struct {
	t       *testing.T
	mode    Mode
	vpn     *resolvedtest.Side
	network netip.Addr // what the network's server answers
	// leaked are names at the network's.
	leaked func(zone string) []string
	apply  func(Want)
	// without has the VPN's device go.
	without func()
	// getent is the program's output.
	getent func(env []string, args ...string) string
}

// newAsker makes a machine of the newest release that knows the mode.
func newAsker(t *testing.T, m Mode) *asker {
	t.Helper()
	if m.All() {
		return newFiledAsker(t, m)
	}
	releases := resolvedtest.Releases(t)
	release := releases[0]
	if m == ModeDelegate {
		release = releases[len(releases)-1]
	}
	if m == ModeDelegate && !release.Delegates {
		return nil
	}
	s := sit(t, release, m)
	vpn, _ := s.AddTunnel(tidev.dev)
	return &asker{t: t, mode: m, vpn: vpn, network: s.Physical.Answer, leaked: s.Physical.Leaked,
		apply: func(w Want) { t.Helper(); s.apply(w) },
		without: func() {
			if err := s.Do(func() error { return exec.Command("ip", "link", "del", tidev.dev).Run() }); err != nil {
				t.Fatal(err)
			}
		},
		getent: func(env []string, args ...string) string {
			c := exec.Command("getent", args...)
			c.Env = append(os.Environ(), env...)
			var out []byte
			s.Do(func() (err error) { out, err = c.Output(); return err }) // it fails where it finds nothing
			return string(out)
		}}
}

func newFiledAsker(t *testing.T, m Mode) *asker {
	f := newFiled(t, m)
	o := f.machine()
	write(t, o.o, "/etc/nsswitch.conf", nssDebian)
	network := netip.MustParseAddr("203.0.113.9")
	var mu sync.Mutex
	var asked []string
	answer := resolvedtest.Always(network)
	err := resolvedtest.Serve(t, o.router.Do, netip.MustParseAddrPort("10.9.0.1:53"), func(w dns.ResponseWriter, q *dns.Msg) {
		mu.Lock()
		asked = append(asked, strings.TrimSuffix(q.Question[0].Name, "."))
		mu.Unlock()
		answer(w, q)
	})
	if err != nil {
		t.Fatal(err)
	}
	a := &asker{t: t, mode: m, network: network, without: func() { o.link(tidev, false) }}
	a.vpn, _ = resolvedtest.Tunnel(t, o.space, tidev.dev, 61)
	a.leaked = func(zone string) (names []string) {
		mu.Lock()
		defer mu.Unlock()
		for _, n := range asked {
			if n == zone || strings.HasSuffix(n, "."+zone) {
				names = append(names, n)
			}
		}
		return names
	}
	var us *exec.Cmd
	end := func() {
		if us != nil {
			us.Process.Kill()
			us.Wait()
			us = nil
		}
	}
	t.Cleanup(end)
	a.apply = func(w Want) {
		t.Helper()
		told := f.apply(w)
		if end(); w.none() {
			return
		}
		to, err := json.Marshal(told.Upstreams)
		if err != nil {
			t.Fatal(err)
		}
		us = exec.Command("/proc/self/exe")
		us.Env, us.Stderr = append(os.Environ(), passesOn+"="+string(to)), os.Stderr
		out, err := us.StdoutPipe()
		if err == nil {
			err = o.space.Start(us)
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	a.getent = func(env []string, args ...string) string {
		c, out := command(o.o, "", env, "/usr/bin/getent", args...)
		err := o.space.Start(c)
		if err == nil {
			err = c.Wait()
		}
		if err != nil && !errors.As(err, new(*exec.ExitError)) { // it fails where it finds nothing
			t.Fatal(err)
		}
		return out.String()
	}
	return a
}

// finds looks a name up as programs do, without a search list; the zero address: it is not to be found.
func (a *asker) finds(name string, want netip.Addr) {
	a.t.Helper()
	var env []string
	if !want.IsValid() {
		env = []string{"RES_OPTIONS=timeout:1 attempts:1"}
	}
	found, _, _ := strings.Cut(a.getent(env, "ahostsv4", name+"."), " ")
	if got, _ := netip.ParseAddr(found); got != want {
		a.t.Errorf("programs find %s at %q, want %s", name, found, want)
	}
}

// What programs find beside a VPN of ours, in each mode: its names there and ours here,
// whatever it claims; the rest as is wanted. Where its server is silent, so are its own
// names, and nobody else is asked for them.
func TestProgramsFindBesideVPN(t *testing.T) {
	for _, m := range []Mode{ModeLink, ModeDelegate, ModeResolvconf, ModeOpenresolv, ModeDirect} {
		t.Run(string(m), func(t *testing.T) {
			t.Parallel()
			a := newAsker(t, m)
			if a == nil {
				return // no such systemd-resolved can be had
			}
			w := func(all, names, strict bool) Want {
				w := Want{Strict: strict, VPN: tunnelled()}
				if w.VPN.All = all; names {
					w.Server, w.Domains = server, []string{zone}
				}
				return w
			}
			for i, tt := range []struct {
				name string
				want Want
				rest netip.Addr
			}{
				{"a split one alone", w(false, false, false), a.network},
				{"a full one alone", w(true, false, false), a.vpn.Answer},
				{"a full one and ours", w(true, true, false), a.vpn.Answer},
				{"a full one and ours, strictly", w(true, true, true), a.network},
				{"a split one and ours", w(false, true, false), a.network},
			} {
				a.apply(tt.want)
				if m.All() && tt.want.none() {
					tt.rest = a.vpn.Answer // a file says not which names are whose
				}
				host := fmt.Sprintf("x%d.", i)
				a.finds(host+ownZone, a.vpn.Answer)
				a.finds(host+"zta", a.vpn.Answer)
				a.finds(host+"debian.org", tt.rest)
				if tt.want.none() {
					continue
				}
				before := len(a.vpn.Leaked(zone))
				a.finds(host+zone, ours)
				a.finds(host+"sub."+zone, ours)
				if n := a.vpn.Leaked(zone)[before:]; len(n) > 0 {
					t.Errorf("%s: the VPN has seen %v", tt.name, n)
				}
			}
			a.vpn.Answers(func(dns.ResponseWriter, *dns.Msg) {})
			a.finds("silent."+ownZone, netip.Addr{})
			a.finds("silent."+zone, ours)
			a.finds("silent.debian.org", a.network)
			a.vpn.Answers(nil)
			a.finds("speaks."+ownZone, a.vpn.Answer)
			for _, zone := range []string{zone, ownZone} {
				if n := a.leaked(zone); len(n) > 0 {
					t.Errorf("the network has seen %v", n)
				}
			}
			a.without()
			a.apply(w(false, true, false))
			a.finds("gone."+ownZone, a.network)
			a.finds("gone."+zone, ours)
			if n := a.leaked(zone); len(n) > 0 {
				t.Errorf("the network has seen %v", n)
			}
			a.apply(Want{})
			a.finds("undone."+ownZone, a.network)
		})
	}
}
