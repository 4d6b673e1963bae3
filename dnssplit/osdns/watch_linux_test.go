package osdns

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

// watching applies whenever Watch tells, as the helper does.
func (f *office) watching(c Configurator) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- f.space.Do(func() error {
			return c.Watch(ctx, func() {
				if _, err := c.Apply(ctx, want("corp.example")); err != nil && ctx.Err() == nil {
					f.t.Error(err)
				}
			})
		})
	}()
	return func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			f.t.Errorf("watched: %v", err)
		}
	}
}

func (f *office) eventually(what string, is func() bool) {
	f.t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if is() {
			return
		}
	}
	f.t.Fatalf("not in a minute: %s\n%s", what, f.conf())
}

// noticed waits until ours stands there, above what.
func (f *office) noticed(what string) {
	f.t.Helper()
	f.eventually("above "+what, func() bool {
		b, err := os.ReadFile(f.o.path(resolvConf))
		return err == nil && covered(b) && bytes.Contains(b, []byte(what))
	})
}

func TestWatch(t *testing.T) {
	defer goleak.VerifyNone(t)
	f := newOffice(t, "vpnc-scripts")
	stop := f.watching(f.d)
	f.noticed("10.9.0.1") // it tells once by itself
	v := vpn{dev: "tun0", domain: "corp.vpn.example", pid: 4711}
	f.up(v)
	f.noticed("192.168.77.53")
	f.down(v)
	f.noticed("10.9.0.1")
	f.up(v)
	f.noticed("192.168.77.53")
	f.crash(v) // no file tells of that, but the kernel does
	f.noticed("10.9.0.1")
	write(t, f.o, "/etc/resolv.conf~", "nameserver 10.9.0.9\n")
	if err := os.Rename(f.o.path("/etc/resolv.conf~"), f.o.path(resolvConf)); err != nil {
		t.Fatal(err)
	}
	f.noticed("10.9.0.9")
	write(t, f.o, "/run/other/resolv.conf", "nameserver 10.9.0.10\n")
	if out, err := exec.Command("ln", "-sfn", "../run/other/resolv.conf", f.o.path(resolvConf)).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	f.noticed("10.9.0.10")
	write(t, f.o, "/run/other/resolv.conf", "nameserver 10.9.0.11\n")
	f.noticed("10.9.0.11")
	stop()
	f.undo()
	if diff := cmp.Diff("nameserver 10.9.0.11\n", f.conf()); diff != "" {
		t.Errorf("undone (-want +got):\n%s", diff)
	}
}

// A VPN that comes and goes while we apply again and again.
func TestVPNWhileApplying(t *testing.T) {
	f := newOffice(t, "vpnc-scripts")
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			f.apply(want("corp.example"))
		}
	}()
	for i := range 10 {
		v := vpn{dev: "tun0", domain: "corp.vpn.example", pid: 100 + i}
		f.up(v)
		f.down(v)
	}
	cancel()
	<-done
	f.apply(want("corp.example"))
	f.undo()
	if diff := cmp.Diff(officeConf, f.conf()); diff != "" {
		t.Errorf("undone (-want +got):\n%s", diff)
	}
	f.nothingLeft()
}

func TestResolvconfWatch(t *testing.T) {
	defer goleak.VerifyNone(t)
	for _, m := range []Mode{ModeResolvconf, ModeOpenresolv} {
		f := newRecorded(t, m)
		stop := f.watching(f.r)
		ours := func() bool { return slices.Equal(f.servers(), []netip.Addr{ourServer}) }
		f.eventually("ours", ours)
		f.run("", nil, "/sbin/resolvconf", "-d", ourRecord)
		f.eventually("ours again", ours)
		f.record("phys0.dhclient", strings.ReplaceAll(leaseText, "office", "branch"))
		f.eventually("ours above the new one", func() bool { return ours() && strings.Contains(f.conf(), "branch.example") })
		stop()
	}
}
