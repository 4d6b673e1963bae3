package osdns

import (
	"context"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// recorded is an office whose resolv.conf a resolvconf makes.
type recorded struct {
	*office
	r *resolvconf
}

const leaseText = "domain office.example\nsearch office.example\nnameserver 10.9.0.1\nnameserver 9.9.9.9\noptions edns0\n"

func newRecorded(t *testing.T, m Mode) *recorded {
	t.Helper()
	f := &recorded{office: newOffice(t, string(m), "vpnc-scripts")}
	if m == ModeResolvconf {
		if err := os.MkdirAll(f.o.path("/run/resolvconf/interface"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(f.o.path(resolvConf)); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("../run/resolvconf/resolv.conf", f.o.path(resolvConf)); err != nil {
			t.Fatal(err)
		}
		f.run("", nil, "/sbin/resolvconf", "--enable-updates")
	}
	// An init system that has none of the services that are told of changes.
	write(t, f.o, "/usr/sbin/service", "#!/bin/sh\nexit 1\n")
	if err := os.Chmod(f.o.path("/usr/sbin/service"), 0o755); err != nil {
		t.Fatal(err)
	}
	f.record("phys0.dhclient", leaseText)
	f.r = newResolvconf(f.o, m)
	return f
}

// later has the tree's openresolv keep records where versions since 3.14 do.
func (f *recorded) later() {
	f.t.Helper()
	const program = "/sbin/resolvconf"
	b, err := os.ReadFile(f.o.path(program))
	if err != nil {
		f.t.Fatal(err)
	}
	text := strings.ReplaceAll(string(b), "$VARDIR/interfaces", "$VARDIR/keys")
	if text == string(b) {
		f.t.Fatal("it keeps them there already, or elsewhere")
	}
	if err := os.RemoveAll(f.o.path("/run/resolvconf")); err != nil {
		f.t.Fatal(err)
	}
	write(f.t, f.o, program, text)
	f.record("phys0.dhclient", leaseText)
}

func TestOpenresolvOfLater(t *testing.T) {
	f := newRecorded(t, ModeOpenresolv)
	f.later()
	before := f.conf()
	f.apply(want("corp.example"))
	if diff := cmp.Diff([]netip.Addr{ourServer}, f.servers(), compareAddr); diff != "" {
		t.Errorf("servers (-want +got):\n%s", diff)
	}
	stop := f.watching(f.r)
	f.run("", nil, "/sbin/resolvconf", "-d", ourRecord)
	f.eventually("ours again", func() bool { return slices.Equal(f.servers(), []netip.Addr{ourServer}) })
	stop()
	f.apply(Want{})
	if diff := cmp.Diff(before, f.conf()); diff != "" {
		t.Errorf("undone, it is not what it was (-want +got):\n%s", diff)
	}
	f.nothingLeft()
}

// Systems have it in different folders.
func TestResolvconfElsewhere(t *testing.T) {
	for _, path := range []string{"/usr/bin/resolvconf", "/run/current-system/sw/bin/resolvconf"} {
		f := newRecorded(t, ModeOpenresolv)
		before := f.conf()
		b, err := os.ReadFile(f.o.path("/sbin/resolvconf"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(f.o.path("/sbin/resolvconf")); err != nil {
			t.Fatal(err)
		}
		write(t, f.o, path, string(b))
		if err := os.Chmod(f.o.path(path), 0o755); err != nil {
			t.Fatal(err)
		}
		f.apply(want("corp.example"))
		f.apply(Want{})
		if diff := cmp.Diff(before, f.conf()); diff != "" {
			t.Errorf("%s: undone, it is not what it was (-want +got):\n%s", path, diff)
		}
	}
}

func (f *recorded) record(name, text string) {
	f.t.Helper()
	f.run(text, nil, "/sbin/resolvconf", "-a", name)
}

func (f *recorded) tryApply(w Want) (told Told, err error) {
	err = f.space.Do(func() (err error) { told, err = f.r.Apply(context.Background(), w); return err })
	return told, err
}

func (f *recorded) apply(w Want) Told {
	f.t.Helper()
	told, err := f.tryApply(w)
	if err != nil {
		f.t.Fatal(err)
	}
	return told
}

func ports(all ...string) []netip.AddrPort {
	var p []netip.AddrPort
	for _, a := range all {
		p = append(p, netip.AddrPortFrom(netip.MustParseAddr(a), 53))
	}
	return p
}

var compareUpstreams = cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })

func TestResolvconf(t *testing.T) {
	for _, m := range []Mode{ModeResolvconf, ModeOpenresolv} {
		t.Run(string(m), func(t *testing.T) {
			t.Parallel()
			f := newRecorded(t, m)
			before := f.conf()
			if !slices.Equal(f.servers(), []netip.Addr{netip.MustParseAddr("10.9.0.1"), netip.MustParseAddr("9.9.9.9")}) {
				t.Fatalf("resolvconf made\n%s", before)
			}
			physical := Upstream{Servers: ports("10.9.0.1", "9.9.9.9"), Device: "phys0"}
			for range 2 {
				told := f.apply(want("corp.example"))
				if diff := cmp.Diff(Told{Upstreams: []Upstream{physical}}, told, compareUpstreams); diff != "" {
					t.Errorf("told (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff([]netip.Addr{ourServer}, f.servers(), compareAddr); diff != "" {
					t.Errorf("servers (-want +got):\n%s\n%s", diff, f.conf())
				}
				if got := f.conf(); !strings.Contains(got, "search office.example") && !strings.Contains(got, "domain office.example") || !strings.Contains(got, "edns0") {
					t.Errorf("the search list or the options are lost:\n%s", got)
				}
			}
			written := f.written()
			f.apply(want("corp.example"))
			if f.written() != written {
				t.Error("applied again, the file was written again")
			}
			v := vpn{dev: "tun0", domain: "corp.vpn.example", pid: 4711, split: true}
			f.up(v)
			told := f.apply(want("vpn.example"))
			if diff := cmp.Diff(Told{
				Upstreams:   []Upstream{{Servers: ports("192.168.77.53", "192.168.77.54"), Device: "tun0", Domains: []string{"corp.vpn.example"}}, physical},
				Competitors: []Competitor{{Link: "tun0", Domain: "corp.vpn.example"}},
			}, told, compareUpstreams); diff != "" {
				t.Errorf("told with a VPN (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]netip.Addr{ourServer}, f.servers(), compareAddr); diff != "" {
				t.Errorf("servers with a VPN (-want +got):\n%s", diff)
			}
			told = f.apply(Want{Server: ourServer, Domains: []string{"vpn.example"}, Strict: true})
			if diff := cmp.Diff([]Upstream{physical}, told.Upstreams, compareUpstreams); diff != "" {
				t.Errorf("upstreams, strict (-want +got):\n%s", diff)
			}
			f.down(v)
			f.apply(Want{})
			f.apply(Want{})
			if diff := cmp.Diff(before, f.conf()); diff != "" {
				t.Errorf("undone, it is not what it was (-want +got):\n%s", diff)
			}
			if j, err := readJournal(f.o); j != nil || err != nil {
				t.Errorf("a journal is left: %+v, %v", j, err)
			}
		})
	}
}

// written is when resolv.conf was.
func (f *office) written() int64 {
	f.t.Helper()
	info, err := os.Stat(f.o.path("/run/resolvconf"))
	if err != nil {
		f.t.Fatal(err)
	}
	path, err := f.o.resolve(resolvConf)
	if err != nil {
		f.t.Fatal(err)
	}
	file, err := os.Stat(f.o.path(path))
	if err != nil {
		f.t.Fatal(err)
	}
	return info.ModTime().UnixNano() ^ file.ModTime().UnixNano()
}

// wg-quick has its own servers alone count.
func TestOpenresolvExclusive(t *testing.T) {
	f := newRecorded(t, ModeOpenresolv)
	before := f.conf()
	f.apply(want("corp.example"))
	v := vpn{dev: "wg0"}
	f.link(v, true)
	f.run("nameserver 10.66.0.53\nsearch wg.example\n", nil, "/sbin/resolvconf", "-m", "0", "-x", "-a", "wg0")
	if slices.Equal(f.servers(), []netip.Addr{ourServer}) {
		t.Fatal("it was not exclusive")
	}
	told := f.apply(want("corp.example"))
	if diff := cmp.Diff([]Upstream{
		{Servers: ports("10.66.0.53"), Device: "wg0", Domains: []string{"wg.example"}},
		{Servers: ports("10.9.0.1", "9.9.9.9"), Device: "phys0"},
	}, told.Upstreams, compareUpstreams); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]netip.Addr{ourServer}, f.servers(), compareAddr); diff != "" {
		t.Errorf("servers (-want +got):\n%s\n%s", diff, f.conf())
	}
	f.run("", nil, "/sbin/resolvconf", "-d", "wg0")
	f.link(v, false)
	f.apply(want("corp.example"))
	if f.r.excludes() {
		t.Error("ours alone counts, though nobody else's does")
	}
	f.apply(Want{})
	if diff := cmp.Diff(before, f.conf()); diff != "" {
		t.Errorf("undone, it is not what it was (-want +got):\n%s", diff)
	}
}

// After a new start, openresolv's file in /etc still has what its records in /run
// no longer say.
func TestOpenresolvAfterBoot(t *testing.T) {
	f := newRecorded(t, ModeOpenresolv)
	before := f.conf()
	f.apply(want("corp.example"))
	if err := os.RemoveAll(f.o.path("/run/resolvconf")); err != nil {
		t.Fatal(err)
	}
	f.record("phys0.dhclient", leaseText)
	f.r = newResolvconf(f.o, ModeOpenresolv)
	f.apply(Want{})
	if diff := cmp.Diff(before, f.conf()); diff != "" {
		t.Errorf("undone, it is not what it was (-want +got):\n%s", diff)
	}
}

// Without an init system that it knows, openresolv does all and fails.
func TestOpenresolvFailsAfterwards(t *testing.T) {
	f := newRecorded(t, ModeOpenresolv)
	before := f.conf()
	if err := os.Remove(f.o.path("/usr/sbin/service")); err != nil {
		t.Fatal(err)
	}
	f.apply(want("corp.example"))
	if diff := cmp.Diff([]netip.Addr{ourServer}, f.servers(), compareAddr); diff != "" {
		t.Errorf("servers (-want +got):\n%s", diff)
	}
	f.apply(Want{})
	if diff := cmp.Diff(before, f.conf()); diff != "" {
		t.Errorf("undone, it is not what it was (-want +got):\n%s", diff)
	}
}

// A name server on this machine, as Debian's dnsmasq, stands before us in the
// records, and asks whoever comes after: us, who would ask it.
func TestBesideALocalServer(t *testing.T) {
	for _, name := range []string{"lo.dnsmasq", "lo.named", "lo.unbound"} {
		for _, m := range []Mode{ModeResolvconf, ModeOpenresolv} {
			t.Run(string(m)+": "+name, func(t *testing.T) {
				f := newRecorded(t, m)
				f.record(name, "nameserver 127.0.0.1\n")
				before := f.conf()
				e := observeFiles(f.o)
				if mode, why := Choose(e); mode != ModeDirect || !strings.Contains(why, "server on this machine") {
					t.Errorf("%s: %s", mode, why)
				}
				for range 2 {
					told := f.office.apply(want("corp.example"))
					if diff := cmp.Diff([]Upstream{{Servers: ports("127.0.0.1")}}, told.Upstreams, compareUpstreams); diff != "" {
						t.Errorf("upstreams (-want +got):\n%s", diff)
					}
					if diff := cmp.Diff([]netip.Addr{ourServer}, f.servers(), compareAddr); diff != "" {
						t.Errorf("servers (-want +got):\n%s", diff)
					}
					if mode, _ := Choose(observeFiles(f.o)); mode != ModeDirect {
						t.Errorf("applied, it is %s", mode)
					}
					f.record("phys0.dhclient", strings.ReplaceAll(leaseText, "office", "branch"))
				}
				f.record("phys0.dhclient", leaseText)
				f.office.apply(want("corp.example"))
				f.office.undo()
				if diff := cmp.Diff(before, f.conf()); diff != "" {
					t.Errorf("undone, it is not what it was (-want +got):\n%s", diff)
				}
				f.nothingLeft()
				if _, err := f.tryApply(want("corp.example")); err == nil || !strings.Contains(err.Error(), name) {
					t.Errorf("by resolvconf: %v", err)
				}
				f.nothingLeft()
			})
		}
	}
}

// What cannot be done is not half done: the file has our server only where it is
// said whom we ask.
func TestResolvconfNotHalf(t *testing.T) {
	f := newRecorded(t, ModeOpenresolv)
	write(t, f.o, "/etc/resolvconf.conf", "resolv_conf=/etc/resolv.conf\nresolv_conf_local_only=NO\n")
	f.run("", nil, "/sbin/resolvconf", "-u")
	before := f.conf()
	if _, err := f.tryApply(want("corp.example")); err == nil {
		t.Error("it is told")
	}
	if diff := cmp.Diff(before, f.conf()); diff != "" {
		t.Errorf("it is not what it was (-want +got):\n%s", diff)
	}
	f.nothingLeft()
}

// A VPN has its names where ours cannot be had.
func TestResolvconfNotHalfBesideVPN(t *testing.T) {
	for m, no := range map[Mode][2]string{
		ModeOpenresolv: {"/etc/resolvconf.conf", "resolv_conf=/etc/resolv.conf\nresolv_conf_local_only=NO\n"},
		ModeResolvconf: {"/etc/default/resolvconf", "TRUNCATE_NAMESERVER_LIST_AFTER_LOOPBACK_ADDRESS=no\n"},
	} {
		for name, v := range map[string]*VPN{"split": split(), "full": full()} {
			t.Run(string(m)+": "+name, func(t *testing.T) {
				f := newRecorded(t, m)
				write(t, f.o, no[0], no[1])
				f.link(tidev, true)
				f.apply(Want{VPN: v})
				before := f.conf()
				w := want("corp.example")
				w.VPN = v
				if _, err := f.tryApply(w); err == nil {
					t.Error("it is told")
				}
				if diff := cmp.Diff(before, f.conf()); diff != "" {
					t.Errorf("it is not what it was (-want +got):\n%s", diff)
				}
				f.apply(Want{})
				f.nothingLeft()
			})
		}
	}
}

// The program may be removed with its package, and leaves what it has made.
func TestResolvconfIsRemoved(t *testing.T) {
	for _, m := range []Mode{ModeResolvconf, ModeOpenresolv} {
		t.Run(string(m), func(t *testing.T) {
			f := newRecorded(t, m)
			f.apply(want("corp.example"))
			text := f.conf()
			if err := os.Remove(f.o.path("/sbin/resolvconf")); err != nil {
				t.Fatal(err)
			}
			os.Remove(f.o.path(resolvConf))
			os.Remove(f.o.path("/run/resolvconf/resolv.conf"))
			write(t, f.o, resolvConf, text) // as Debian's package does
			f.r = newResolvconf(f.o, m)
			f.apply(Want{})
			if diff := cmp.Diff([]netip.Addr{netip.MustParseAddr("10.9.0.1"), netip.MustParseAddr("9.9.9.9")}, f.servers(), compareAddr); diff != "" {
				t.Errorf("servers (-want +got):\n%s\n%s", diff, f.conf())
			}
			f.nothingLeft()
		})
	}
}

func TestResolvconfSaysWhyNot(t *testing.T) {
	for _, tt := range []struct {
		name  string
		mode  Mode
		spoil func(f *recorded)
		want  string
	}{
		{"no link", ModeResolvconf, func(f *recorded) {
			if err := os.Remove(f.o.path(resolvConf)); err != nil {
				f.t.Fatal(err)
			}
			write(f.t, f.o, resolvConf, officeConf)
		}, "link"},
		{"updates off", ModeResolvconf, func(f *recorded) { f.run("", nil, "/sbin/resolvconf", "--disable-updates") }, "--enable-updates"},
		{"servers behind ours", ModeResolvconf, func(f *recorded) {
			write(f.t, f.o, "/etc/default/resolvconf", "TRUNCATE_NAMESERVER_LIST_AFTER_LOOPBACK_ADDRESS=no\n")
		}, "TRUNCATE_NAMESERVER_LIST"},
		{"servers behind ours", ModeOpenresolv, func(f *recorded) {
			write(f.t, f.o, "/etc/resolvconf.conf", "resolv_conf=/etc/resolv.conf\nresolv_conf_local_only=NO\n")
		}, "resolv_conf_local_only"},
	} {
		t.Run(string(tt.mode)+": "+tt.name, func(t *testing.T) {
			f := newRecorded(t, tt.mode)
			tt.spoil(f)
			_, err := f.tryApply(want("corp.example"))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("applied: %v", err)
			}
			f.apply(Want{})
			if slices.Contains(f.servers(), ourServer) {
				t.Errorf("undone, it is\n%s", f.conf())
			}
		})
	}
}
