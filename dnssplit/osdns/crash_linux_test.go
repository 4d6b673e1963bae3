package osdns

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The test's own binary, started anew with these, applies or undoes below a root,
// and is killed at a step.
const (
	dieRoot = "OSDNS_TEST_ROOT"
	dieDoes = "OSDNS_TEST_DOES"
	dieAt   = "OSDNS_TEST_STEP"
	dieMode = "OSDNS_TEST_MODE"
)

// dieWants are what it may be to do.
var dieWants = map[string]Want{
	"apply": want("corp.example"),
	"undo":  {},
	"vpn":   {VPN: split()},
	"all":   {VPN: full()},
	"both":  {Server: ourServer, Domains: []string{"corp.example"}, VPN: split()},
}

func init() {
	root := os.Getenv(dieRoot)
	if root == "" {
		return
	}
	at, err := strconv.Atoi(os.Getenv(dieAt))
	if err != nil {
		panic(err)
	}
	step := func(name string) {
		if at--; at < 0 {
			fmt.Println("killed at", name)
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
	var c Configurator
	switch m := Mode(os.Getenv(dieMode)); m {
	case ModeDirect:
		d := newDirect(Options{Root: root})
		d.step, c = step, d
	default:
		r := newResolvconf(Options{Root: root}, m)
		r.step, c = step, r
	}
	w := dieWants[os.Getenv(dieDoes)]
	if _, err := c.Apply(context.Background(), w); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(0)
}

// dies has a process of its own apply or undo, and be killed at a step, and says
// whether it was: false is that there are no such many.
func (f *office) dies(m Mode, does string, at int) (killed bool) {
	f.t.Helper()
	c := exec.Command("/proc/self/exe")
	c.Env = append(os.Environ(), atOnce, dieRoot+"="+f.o.Root, dieDoes+"="+does, fmt.Sprint(dieAt, "=", at), dieMode+"="+string(m))
	out := &bytes.Buffer{}
	c.Stdout, c.Stderr = out, out
	if err := f.space.Start(c); err != nil {
		f.t.Fatal(err)
	}
	err := c.Wait()
	if err == nil {
		return false
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL {
		f.t.Logf("%s", out.String())
		return true
	}
	f.t.Fatalf("%s: %v\n%s", does, err, out.String())
	return false
}

func TestKilledBetweenAnySteps(t *testing.T) {
	v := vpn{dev: "tun0", domain: "corp.vpn.example", pid: 4711}
	overlaid := without(t, v)
	for _, tt := range []struct {
		name   string
		before []string
		does   string
		want   string
		up     bool
	}{
		{"applied", nil, "apply", officeConf, false},
		{"undone", []string{"apply"}, "undo", officeConf, false},
		{"applied on a VPN", []string{"up"}, "apply", overlaid, true},
		{"undone on a VPN", []string{"up", "apply"}, "undo", overlaid, true},
		{"applied again when a VPN has come", []string{"apply", "up"}, "apply", overlaid, true},
		{"undone when a VPN has come", []string{"apply", "up"}, "undo", overlaid, true},
		{"undone when a VPN came, and was noticed", []string{"apply", "up", "apply"}, "undo", overlaid, true},
		{"applied again when a VPN has gone", []string{"apply", "up", "apply", "down"}, "apply", officeConf, false},
		{"undone when a VPN has gone", []string{"up", "apply", "down"}, "undo", officeConf, false},
		{"applied again when a VPN was killed", []string{"up", "apply", "crash"}, "apply", officeConf, false},
	} {
		for _, after := range []string{"undo", "apply", "down"} {
			if after == "down" && !tt.up {
				continue
			}
			t.Run(tt.name+", then "+after, func(t *testing.T) {
				t.Parallel()
				f := newOffice(t, "vpnc-scripts")
				for at := 0; !t.Failed(); at++ {
					f.anew()
					for _, s := range tt.before {
						switch s {
						case "apply":
							f.apply(want("corp.example"))
						case "up":
							f.up(v)
						case "down":
							f.down(v)
						case "crash":
							f.crash(v)
						}
					}
					killed := f.dies(ModeDirect, tt.does, at)
					if len(parseConf([]byte(f.conf())).Servers) == 0 {
						t.Fatalf("step %d: the file has no servers:\n%s", at, f.conf())
					}
					up := tt.up
					f.again()
					switch {
					case after == "apply":
						f.apply(want("corp.example"))
						if got := parseConf([]byte(f.conf())).Servers; !slices.Equal(got, []netip.Addr{ourServer}) {
							t.Errorf("step %d: applied, the servers are %v", at, got)
						}
						f.again()
					case after == "down" && up:
						f.down(v)
						up = false
					}
					f.undo()
					want := tt.want
					if tt.up && !up {
						want = officeConf
					}
					if diff := cmp.Diff(want, f.conf()); diff != "" {
						t.Errorf("step %d: resolv.conf is not what it should be (-want +got):\n%s", at, diff)
					}
					if up {
						f.down(v)
						if diff := cmp.Diff(officeConf, f.conf()); diff != "" {
							t.Errorf("step %d: without the VPN, resolv.conf is not what it should be (-want +got):\n%s", at, diff)
						}
					}
					f.nothingLeft()
					if !killed {
						if at < 3 {
							t.Errorf("there were only %d steps", at)
						}
						return
					}
				}
			})
		}
	}
}

// anew is the office before anybody came.
func (f *office) anew() {
	f.t.Helper()
	if err := os.RemoveAll(f.o.path("/run/vpnc")); err != nil { // of a VPN that crashed
		f.t.Fatal(err)
	}
	write(f.t, f.o, resolvConf, officeConf)
	f.again()
}

// nothingLeft fails where there is something of us.
func (f *office) nothingLeft() {
	f.t.Helper()
	if j, err := readJournal(f.o); j != nil || err != nil {
		f.t.Errorf("there is a journal left: %+v, %v", j, err)
	}
	left, err := exec.Command("find", f.o.path("/etc"), f.o.path("/run"), "-name", "*tidegate*").CombinedOutput()
	if err != nil || len(left) > 0 {
		f.t.Errorf("left: %s, %v", left, err)
	}
	left, err = exec.Command("grep", "-rl", "127.11.0.53", f.o.path("/etc"), f.o.path("/run")).Output()
	if len(left) > 0 {
		f.t.Errorf("we are still named in %s, %v", left, err)
	}
}

func TestResolvconfKilledBetweenAnySteps(t *testing.T) {
	for _, m := range []Mode{ModeResolvconf, ModeOpenresolv} {
		for _, does := range []string{"apply", "undo"} {
			t.Run(string(m)+": "+does, func(t *testing.T) {
				t.Parallel()
				f := newRecorded(t, m)
				before := f.conf()
				for at := 0; !t.Failed(); at++ {
					if does == "undo" {
						f.apply(want("corp.example"))
					}
					killed := f.dies(m, does, at)
					f.r = newResolvconf(f.o, m)
					f.apply(Want{})
					if diff := cmp.Diff(before, f.conf()); diff != "" {
						t.Errorf("step %d: resolv.conf is not what it should be (-want +got):\n%s", at, diff)
					}
					f.nothingLeft()
					if !killed {
						return
					}
				}
			})
		}
	}
}
