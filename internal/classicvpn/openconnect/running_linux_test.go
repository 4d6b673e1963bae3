package openconnect

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/dnssplit/resolvedtest"
	"github.com/tidegate/tidegate/internal/classicvpn/vpntest"
	"github.com/tidegate/tidegate/session"
)

func TestRunning(t *testing.T) {
	b := newBed(t)
	server := b.ocserv(vpntest.OcservOptions{Banner: "Welcome to the office"})
	s := b.signedIn(server.Address(), server.Certificate.Fingerprint)
	r := b.start(s)
	b.hooked("connect", 1)
	eventually(t, "DTLS", func() bool { return r.Transport() == "DTLS" })

	env, err := os.ReadFile(filepath.Join(b.dir, "connect"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"TUNDEV=" + device, "HOOK_WORD=abc", "CISCO_BANNER=Welcome to the office", "INTERNAL_IP4_ADDRESS=192.168.99."} {
		if !strings.Contains(string(env), want) {
			t.Errorf("the hook was not told %s", want)
		}
	}
	if strings.Contains(string(env), s.cookie) {
		t.Error("the hook was told the cookie")
	}
	if args, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", r.process.process.Pid)); err != nil || strings.Contains(string(args), s.cookie) || strings.Contains(string(args), "webvpn") {
		t.Errorf("its arguments are %q (%v)", args, err)
	}

	if err := r.Reconnect(); err != nil {
		t.Fatal(err)
	}
	b.hooked("reconnect", 1)
	eventually(t, "DTLS again", func() bool { return r.Transport() == "DTLS" })

	if err := r.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := waits(t, r); err != nil {
		t.Errorf("it says %v", err)
	}
	want := "pre-init X\nconnect X\nattempt-reconnect X\nreconnect X\ndisconnect X"
	if diff := cmp.Diff(strings.ReplaceAll(want, "X", device+" abc"), b.reasons()); diff != "" {
		t.Errorf("the hook's reasons (-want +got):\n%s", diff)
	}
	if err := r.Reconnect(); err == nil {
		t.Error("what has ended connects anew")
	}
	if err := r.Stop(t.Context()); err != nil {
		t.Errorf("to stop it twice is %v", err)
	}

	// The server knows the session no more.
	again := b.start(s)
	is(t, waits(t, again), session.VPNExpired)
}

func TestRunningIsEnded(t *testing.T) {
	for _, tt := range []struct {
		name string
		by   func(b *bed, server *vpntest.Ocserv, r *Running)
		want session.VPNFailureCode
	}{
		{"by the server's administrator", func(_ *bed, server *vpntest.Ocserv, _ *Running) { server.Kick("alice") }, session.VPNEnded},
		{"by force", func(_ *bed, _ *vpntest.Ocserv, r *Running) { r.process.process.Kill() }, session.VPNFailed},
		{"by somebody's signal", func(_ *bed, _ *vpntest.Ocserv, r *Running) { r.process.process.Signal(syscall.SIGTERM) }, session.VPNFailed},
		{"by a server that has begun anew with another key", func(_ *bed, server *vpntest.Ocserv, r *Running) {
			server.Crash()
			server.Recertify()
			r.Reconnect()
		}, session.VPNOtherServer},
		{"by a server that is not there any more", func(_ *bed, server *vpntest.Ocserv, _ *Running) { server.Crash() }, session.VPNLost},
		{"by a server that has begun anew", func(_ *bed, server *vpntest.Ocserv, r *Running) {
			server.Crash()
			server.Start()
			r.Reconnect()
		}, session.VPNExpired},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			server := b.ocserv(vpntest.OcservOptions{NoDTLS: true})
			r := b.start(b.signedIn(server.Address(), server.Certificate.Fingerprint))
			b.hooked("connect", 1)
			eventually(t, "TLS", func() bool { return r.Transport() == "TLS" })
			tt.by(b, server, r)
			is(t, waits(t, r), tt.want)
		})
	}
}

func TestRunningNeedsWhatIsThere(t *testing.T) {
	b := newBed(t)
	server := b.ocserv(vpntest.OcservOptions{})
	s := b.signedIn(server.Address(), server.Certificate.Fingerprint)
	tunnel := b.tunnel()
	tunnel.Device = "nobodys0"
	r, err := b.engine.Start(t.Context(), s, tunnel)
	if err != nil {
		t.Fatal(err)
	}
	is(t, waits(t, r), session.VPNFailed)
	s.cookie = "webvpn=none"
	is(t, waits(t, b.start(s)), session.VPNFailed)
	server.Crash()
	is(t, waits(t, b.start(s)), session.VPNUnreachable)
	_, err = b.engine.Start(t.Context(), Session{}, tunnel)
	is(t, err, session.VPNExpired)
	_, err = b.engine.Start(t.Context(), s, Tunnel{Protocol: session.VPNAnyConnect})
	is(t, err, session.VPNFailed)
}

// A cookie comes to the server whole, however long.
func TestCookieComesWhole(t *testing.T) {
	b := newBed(t)
	e, err := Find()
	if err != nil {
		t.Fatal(err)
	}
	e.Path = b.inside(e.Path, "") // as whoever we are: the pipe is ours
	c, err := vpntest.NewCertificate(b.Address)
	if err != nil {
		t.Fatal(err)
	}
	var l net.Listener
	if err := b.Server.Do(func() (err error) { l, err = net.Listen("tcp", b.Address.String()+":443"); return err }); err != nil {
		t.Fatal(err)
	}
	came := make(chan string, 10)
	resolvedtest.ServeWeb(t, tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{c.Certificate}}), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		came <- r.Header.Get("Cookie")
		w.WriteHeader(http.StatusUnauthorized)
	}))
	for _, n := range []int{100, maxAnswer, maxAnswer + 1, 5000} {
		cookie := "webvpn=" + strings.Repeat("x", n-len("webvpn="))
		r, err := e.Start(t.Context(), Session{cookie: cookie, Host: b.Address.String(), Fingerprint: c.Fingerprint}, b.tunnel())
		if err != nil {
			t.Fatal(err)
		}
		f := is(t, waits(t, r), session.VPNExpired)
		if strings.Contains(f.Detail, "xxx") {
			t.Errorf("it tells %q", f.Detail)
		}
		select {
		case got := <-came:
			if got != cookie {
				t.Errorf("of %d letters there came %d", n, len(got))
			}
		default:
			t.Errorf("of %d letters there came none", n)
		}
	}
}

// The end of its context ends it, as the user's wish does.
func TestRunningEndsWithItsContext(t *testing.T) {
	b := newBed(t)
	server := b.ocserv(vpntest.OcservOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	r, err := b.engine.Start(ctx, b.signedIn(server.Address(), server.Certificate.Fingerprint), b.tunnel())
	if err != nil {
		t.Fatal(err)
	}
	b.hooked("connect", 1)
	cancel()
	if err := waits(t, r); err != nil {
		t.Errorf("it says %v", err)
	}
	b.hooked("disconnect", 1)
}

// One that does not hear is killed.
func TestStopIsBounded(t *testing.T) {
	name := filepath.Join(t.TempDir(), "openconnect")
	if err := os.WriteFile(name, []byte("#!/bin/sh\ntrap '' INT TERM\nread cookie\necho Configured as 10.0.0.1, with SSL connected and DTLS disabled\nwhile :; do sleep 1; done\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	r, err := Engine{Path: name, Version: "9.01"}.Start(t.Context(), Session{cookie: "c", Host: "h", Fingerprint: "f"}, Tunnel{Device: "d", Hook: "true", Protocol: session.VPNPulse})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "it to be up", func() bool { return r.Transport() == "TLS" })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	if err := waits(t, r); err != nil {
		t.Errorf("it says %v", err)
	}
}

// Nothing of it is left when we are gone, however we went.
func TestRunningEndsWithUs(t *testing.T) {
	if dir := os.Getenv("OPENCONNECT_TEST_DIE"); dir != "" {
		r, err := Engine{Path: filepath.Join(dir, "openconnect"), Version: "9.01"}.Start(context.Background(), Session{cookie: "c", Host: "h", Fingerprint: "f"}, Tunnel{Device: "d", Hook: "true", Protocol: session.VPNPulse})
		if err != nil {
			t.Fatal(err)
		}
		waits(t, r)
		return
	}
	dir := t.TempDir()
	pidFile := filepath.Join(dir, "pid")
	if err := os.WriteFile(filepath.Join(dir, "openconnect"), []byte("#!/bin/sh\nread cookie\necho $$ >"+pidFile+".new\nmv "+pidFile+".new "+pidFile+"\nexec sleep 600\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	c := exec.Command(os.Args[0], "-test.run=^TestRunningEndsWithUs$")
	c.Env = append(os.Environ(), "OPENCONNECT_TEST_DIE="+dir)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	eventually(t, "openconnect to run", func() bool {
		b, err := os.ReadFile(pidFile)
		if err != nil {
			return false
		}
		_, err = fmt.Sscan(string(b), &pid)
		return err == nil
	})
	c.Process.Kill()
	c.Wait()
	eventually(t, "it to end with us", func() bool {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err != nil || strings.Contains(string(b), ") Z ")
	})
}
