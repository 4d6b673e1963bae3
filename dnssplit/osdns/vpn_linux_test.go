package osdns

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tidev is the device of a VPN of ours.
var tidev = vpn{dev: "tidev1000"}

// split is a VPN of ours with names of its own, and full one for all names.
func split() *VPN {
	return &VPN{Device: tidev.dev, Servers: []netip.Addr{netip.MustParseAddr("172.16.0.53"), netip.MustParseAddr("172.16.0.54")},
		Domains: []string{"own.example", "lab.corp.example", "example"}, Search: []string{"own.example"}}
}

func full() *VPN {
	v := split()
	v.All = true
	return v
}

// Nothing of ours is left to the VPN, and nothing is told of one that has no names.
func TestVPNHasNothingOfOurs(t *testing.T) {
	w := want("corp.example", "wiki.example")
	w.VPN = &VPN{Device: tidev.dev, Servers: []netip.Addr{netip.MustParseAddr("172.16.0.53"), netip.MustParseAddr("172.16.0.53")},
		Domains: []string{"CORP.example.", "x.wiki.example", "own.example", "own.example", "example", ""}, Search: []string{"corp.example", "own.example"}}
	got := w.vpn()
	if diff := cmp.Diff([]string{"own.example", "example"}, got.Domains); diff != "" {
		t.Errorf("domains (-want +got):\n%s", diff)
	}
	if len(got.Servers) != 1 || !slices.Equal(got.Search, []string{"own.example"}) {
		t.Errorf("it is %+v", got)
	}
	w.VPN.Domains, w.VPN.Search = []string{"corp.example"}, nil
	if got := w.vpn(); got != nil {
		t.Errorf("one that has names of ours alone is %+v", got)
	}
	w.VPN.All = true
	if got := w.vpn(); got == nil || len(got.Domains) > 0 {
		t.Errorf("one for all names is %+v", got)
	}
	if w.Strict = true; w.vpn() != nil {
		t.Error("it is asked though that is not to be")
	}
	w.Domains, w.VPN.Servers = nil, nil
	if !w.Empty() {
		t.Error("one without servers is told of")
	}
}

// filed is a machine whose names are looked up through a file, told in some mode.
type filed interface {
	apply(w Want) Told
	machine() *office
}

func (f *office) machine() *office   { return f }
func (f *recorded) machine() *office { return f.office }

var fileModes = []Mode{ModeDirect, ModeResolvconf, ModeOpenresolv}

func newFiled(t *testing.T, m Mode) filed {
	if m == ModeDirect {
		return newOffice(t, "vpnc-scripts")
	}
	return newRecorded(t, m)
}

// asked are the servers of the file.
func (f *office) asked() string { return fmt.Sprint(parseConf([]byte(f.conf())).Servers) }

// Ours and the VPN come and go, in each order and with a crash of ours anywhere, and
// the file has who is to be asked, and in the end what it had.
func TestOwnVPNComesAndGoes(t *testing.T) {
	const own, others = "[172.16.0.53 172.16.0.54]", "[10.9.0.1 9.9.9.9]"
	sequences := []string{
		"vpn -vpn", "all -all", "ours vpn -vpn -ours", "ours vpn -ours -vpn", "vpn ours -vpn -ours", "vpn ours -ours -vpn", "ours all -ours -all", "all ours -all -ours",
		"vpn all vpn ours all -ours vpn -vpn", "ours vpn gone -ours", "vpn gone", "vpn ours gone -ours", "vpn ours -ours gone", "all gone ours up all -ours -all",
		"vpn die -vpn", "vpn die gone", "vpn die ours die -vpn die -ours", "ours die vpn die -ours die gone", "all die lost", "ours vpn die lost", "vpn undo", "ours instead -vpn", "ours instead all ours -ours -vpn", "ours all undo", "gone undo",
	}
	for _, m := range fileModes {
		t.Run(string(m), func(t *testing.T) {
			t.Parallel()
			f := newFiled(t, m)
			o := f.machine()
			before := o.conf()
			for _, steps := range sequences {
				o.link(tidev, true)
				there := true
				var w Want
				for _, s := range strings.Fields(steps) {
					switch s {
					case "ours":
						w.Server, w.Domains = ourServer, []string{"corp.example"}
					case "-ours":
						w.Server, w.Domains = netip.Addr{}, nil
					case "vpn":
						w.VPN = split()
					case "all":
						w.VPN = full()
					case "instead":
						w = Want{VPN: split()}
					case "-vpn", "-all":
						w.VPN = nil
					case "gone", "up":
						there = s == "up"
						o.link(tidev, there)
					case "die":
						if f, ok := f.(*recorded); ok {
							f.r = newResolvconf(f.o, m)
						} else {
							o.again()
						}
					case "lost":
						if err := dropJournal(o.o); err != nil {
							t.Fatal(err)
						}
						w = Want{}
					case "undo":
						w = Want{}
						none := Options{Root: o.o.Root, Bus: "unix:path=" + o.o.Root + "/none"}
						if err := o.space.Do(func() error { return Undo(t.Context(), none) }); err != nil {
							t.Fatal(err)
						}
					}
					told := f.apply(w)
					want, got := others, o.asked()
					switch {
					case !w.none():
						want = fmt.Sprint([]netip.Addr{ourServer})
					case w.VPN != nil && there && (m == ModeDirect || m == ModeOpenresolv && w.VPN.All):
						want = own
					case w.VPN != nil && there: // it comes first
						want, got = own, "["+strings.Join(strings.Fields(strings.Trim(got, "[]"))[:2], " ")+"]"
					}
					if got != want {
						t.Errorf("after %s they are asked: %s, want %s\n%s", s, got, want, o.conf())
					}
					has := strings.Contains(o.conf(), "search office.example own.example") || strings.Contains(o.conf(), "search own.example office.example")
					if w.VPN != nil && there && !has || has && (w.VPN == nil || !there) {
						if m != ModeOpenresolv || !w.Empty() && w.none() && !w.VPN.All {
							t.Errorf("after %s names are completed:\n%s", s, o.conf())
						}
					}
					check(t, s, w, told, there)
				}
				if diff := cmp.Diff(before, o.conf()); diff != "" {
					t.Errorf("it is not what it was (-want +got):\n%s", diff)
				}
				o.nothingLeft()
				if there {
					o.link(tidev, false)
				}
				if t.Failed() {
					t.Fatal("of: ", steps)
				}
			}
		})
	}
}

// check holds what is told against what is wanted.
func check(t *testing.T, when string, w Want, told Told, there bool) {
	t.Helper()
	physical := Upstream{Servers: ports("10.9.0.1", "9.9.9.9"), Device: "phys0"}
	want := []Upstream{physical}
	if own := (Upstream{Servers: ports("172.16.0.53", "172.16.0.54"), Device: tidev.dev, Domains: []string{"own.example", "example"}}); w.VPN != nil && there {
		want = []Upstream{own, physical}
		if own.Domains = nil; w.VPN.All {
			want[1] = own
		}
	}
	if w.none() {
		want = nil
	}
	if diff := cmp.Diff(want, told.Upstreams, compareUpstreams); diff != "" {
		t.Errorf("after %s the upstreams are (-want +got):\n%s", when, diff)
	}
}

// A VPN of another program and one of ours come and go, each whenever it likes.
func TestOwnVPNBesideAnother(t *testing.T) {
	v := vpn{dev: "tun0", domain: "corp.vpn.example", pid: 4711}
	overlaid := without(t, v)
	for _, tt := range []struct{ steps, want string }{
		{"own up down undo", officeConf}, {"up own down undo", officeConf}, {"up own undo down", officeConf}, {"own up undo down", officeConf},
		{"ours own up undo", overlaid}, {"own up undo", overlaid}, {"up own undo", overlaid}, {"ours up own own- undo", overlaid}, {"own ours up own- undo down", officeConf},
		{"own up apply crash apply undo", officeConf}, {"own ours up ours- apply down undo", officeConf}, {"ours own lose up undo down", officeConf},
	} {
		t.Run(tt.steps, func(t *testing.T) {
			t.Parallel()
			f := newOffice(t, "vpnc-scripts")
			f.link(tidev, true)
			var w Want
			for _, s := range strings.Fields(tt.steps) {
				switch s {
				case "own":
					w.VPN = split()
				case "own-":
					w.VPN = nil
				case "ours":
					w.Server, w.Domains = ourServer, []string{"corp.example"}
				case "ours-":
					w.Domains = nil
				case "up":
					f.up(v)
					continue
				case "down":
					f.down(v)
					continue
				case "crash":
					f.crash(v)
					continue
				case "lose":
					if err := dropJournal(f.o); err != nil {
						t.Fatal(err)
					}
					continue
				case "undo":
					w = Want{}
				}
				f.apply(w)
			}
			if diff := cmp.Diff(tt.want, f.conf()); diff != "" {
				t.Errorf("resolv.conf is not what it should be (-want +got):\n%s", diff)
			}
			f.nothingLeft()
		})
	}
}

// What the last has applied is known to the next, until it is undone.
func TestLeft(t *testing.T) {
	for _, m := range fileModes {
		f := newFiled(t, m)
		f.machine().link(tidev, true)
		w := want("corp.example")
		w.VPN = full()
		f.apply(w)
		got, err := Left(f.machine().o)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(w, got, compareAddr); diff != "" {
			t.Errorf("%s: left (-want +got):\n%s", m, diff)
		}
		f.apply(Want{})
		if got, err := Left(f.machine().o); err != nil || !got.Empty() {
			t.Errorf("%s: undone, there is %+v, %v", m, got, err)
		}
	}
}

// Killed between any steps, the next takes it all back.
func TestOwnVPNKilledBetweenAnySteps(t *testing.T) {
	for _, m := range fileModes {
		for _, tt := range []struct{ before, does string }{
			{"", "vpn"}, {"", "both"}, {"apply", "both"}, {"vpn", "both"}, {"both", "apply"}, {"both", "vpn"}, {"both", "all"}, {"vpn", "all"}, {"vpn", "undo"}, {"both", "undo"},
		} {
			t.Run(fmt.Sprintf("%s: %s to %s", m, tt.before, tt.does), func(t *testing.T) {
				t.Parallel()
				f := newFiled(t, m)
				o := f.machine()
				before := o.conf()
				o.link(tidev, true)
				for at := 0; !t.Failed(); at++ {
					if tt.before != "" {
						f.apply(dieWants[tt.before])
					}
					killed := o.dies(m, tt.does, at)
					if f, ok := f.(*recorded); ok {
						f.r = newResolvconf(f.o, m)
					}
					o.again()
					if at%2 == 1 { // it goes on
						f.apply(dieWants["both"])
						if got := o.asked(); got != fmt.Sprint([]netip.Addr{ourServer}) {
							t.Errorf("step %d: applied, they are asked: %s", at, got)
						}
					}
					f.apply(Want{})
					if diff := cmp.Diff(before, o.conf()); diff != "" {
						t.Errorf("step %d: resolv.conf is not what it should be (-want +got):\n%s", at, diff)
					}
					o.nothingLeft()
					if !killed {
						return
					}
				}
			})
		}
	}
}

// What others do to the VPN's layer is put right, and the device's end is its own.
func TestOwnVPNWatched(t *testing.T) {
	for _, m := range fileModes {
		t.Run(string(m), func(t *testing.T) {
			f := newFiled(t, m)
			o := f.machine()
			before := o.conf()
			o.link(tidev, true)
			w := Want{VPN: split()}
			var c Configurator = o.d
			if f, ok := f.(*recorded); ok {
				c = f.r
			}
			stop := o.watchingFor(c, w)
			has := func() bool { return strings.HasPrefix(o.asked(), "[172.16.0.53 172.16.0.54") }
			o.eventually("the VPN's servers", has)
			if m == ModeDirect {
				write(t, o.o, resolvConf, officeConf)
			} else {
				o.run("", nil, "/sbin/resolvconf", "-d", vpnRecord(tidev.dev))
			}
			o.eventually("the VPN's servers again", has)
			o.link(tidev, false)
			o.eventually("what was before", func() bool { return o.conf() == before })
			stop()
			o.nothingLeft()
		})
	}
}

// watchingFor is watching for what is wanted.
func (f *office) watchingFor(c Configurator, w Want) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- f.space.Do(func() error {
			return c.Watch(ctx, func() {
				if _, err := c.Apply(ctx, w); err != nil && ctx.Err() == nil {
					f.t.Error(err)
				}
			})
		})
	}()
	return func() {
		cancel()
		<-done
	}
}
