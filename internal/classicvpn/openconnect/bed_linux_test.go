package openconnect

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidegate/tidegate/internal/classicvpn/vpntest"
	"github.com/tidegate/tidegate/session"
)

// device is the user's in the client's network.
const device = "tidev7"

// bed is a client's machine on which the real openconnect is run as it is for users:
// as nobody, without a capability.
type bed struct {
	*vpntest.Network
	t      *testing.T
	engine Engine
	dir    string // where the hook writes
}

func newBed(t *testing.T) *bed {
	t.Helper()
	b := &bed{Network: vpntest.NewNetwork(t), t: t}
	e, err := Find()
	if err != nil {
		t.Fatal(err)
	}
	b.engine = Engine{Path: b.inside(e.Path, "setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set=-all"), Version: e.Version, Protocols: e.Protocols, Dial: b.dial}
	if b.dir, err = os.MkdirTemp("", "hook"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(b.dir) })
	if err := os.Chmod(b.dir, 0o777); err != nil { // nobody's hook writes there
		t.Fatal(err)
	}
	b.do("ip", "tuntap", "add", device, "mode", "tun", "user", "65534")
	b.do("ip", "link", "set", device, "up")
	return b
}

// inside makes a program that runs another in the client's network, by a command. It
// gives a server up that is not reached for five seconds rather than for five minutes.
func (b *bed) inside(program, by string) string {
	b.t.Helper()
	var net *os.File
	err := b.Client.Do(func() (err error) { net, err = os.Open("/proc/thread-self/ns/net"); return err })
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { net.Close() })
	name := filepath.Join(b.t.TempDir(), "openconnect")
	script := fmt.Sprintf("#!/bin/sh\nexec nsenter --net=/proc/%d/fd/%d %s %s \"$@\" --reconnect-timeout=5\n", os.Getpid(), net.Fd(), by, program)
	if err := os.WriteFile(name, []byte(script), 0o755); err != nil {
		b.t.Fatal(err)
	}
	return name
}

func (b *bed) dial(ctx context.Context, network, address string) (c net.Conn, err error) {
	err = b.Client.Do(func() (err error) { c, err = (&net.Dialer{}).DialContext(ctx, network, address); return err })
	return c, err
}

// do runs a program in the client's network.
func (b *bed) do(name string, arg ...string) {
	b.t.Helper()
	c := exec.CommandContext(b.t.Context(), name, arg...)
	var out strings.Builder
	c.Stdout, c.Stderr = &out, &out
	err := b.Client.Start(c)
	if err == nil {
		err = c.Wait()
	}
	if err != nil {
		b.t.Fatalf("%s: %v: %s", c, err, out.String())
	}
}

// ocserv starts a server there.
func (b *bed) ocserv(o vpntest.OcservOptions) *vpntest.Ocserv {
	b.t.Helper()
	o.Space, o.Address = b.Server, b.Address
	return vpntest.StartOcserv(b.t, o)
}

// to are the settings of a connection to a server.
func to(address, fingerprint string) session.VPNSettings {
	return session.VPNSettings{Address: address, Protocol: session.VPNAnyConnect, User: "alice", Fingerprint: fingerprint}
}

// signIn signs in with a time limit.
func (b *bed) signIn(s session.VPNSettings, a Ask) (Session, error) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), vpntest.Patience)
	defer cancel()
	return b.engine.SignIn(ctx, s, a)
}

// signedIn is alice's session.
func (b *bed) signedIn(address, fingerprint string) Session {
	b.t.Helper()
	s, err := b.signIn(to(address, fingerprint), &answers{values: []string{vpntest.Password}})
	if err != nil {
		b.t.Fatal(err)
	}
	return s
}

// tunnel is a Tunnel whose hook writes its reasons down.
func (b *bed) tunnel() Tunnel {
	return Tunnel{Device: device, Protocol: session.VPNAnyConnect, Hook: `env >` + b.dir + `/$reason; echo "$reason $TUNDEV $HOOK_WORD" >>` + b.dir + `/reasons`, Env: []string{"HOOK_WORD=abc"}}
}

// start connects until the test ends.
func (b *bed) start(s Session) *Running {
	b.t.Helper()
	r, err := b.engine.Start(b.t.Context(), s, b.tunnel())
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { r.Stop(context.Background()) })
	return r
}

// reasons are those for which the hook was run.
func (b *bed) reasons() string {
	out, err := os.ReadFile(filepath.Join(b.dir, "reasons"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		b.t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// hooked waits until the hook was run for a reason, so many times.
func (b *bed) hooked(reason string, times int) {
	b.t.Helper()
	eventually(b.t, fmt.Sprintf("the hook to be run for %s", reason), func() bool {
		return strings.Count("\n"+b.reasons(), "\n"+reason+" ") >= times
	})
}

// eventually waits for something to be so.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(vpntest.Patience); !so(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// waits is what Wait says, within a time limit.
func waits(t *testing.T, r *Running) error {
	t.Helper()
	select {
	case <-r.Done():
	case <-time.After(2 * vpntest.Patience):
		t.Fatal("it has not ended")
	}
	return r.Wait()
}

// answers is a user who has an answer for each form, in order, and one for every
// certificate.
type answers struct {
	values   []string
	distrust bool

	mu    sync.Mutex
	forms []Form
	shown []Certificate
}

var errNoAnswer = errors.New("nobody knows the answer")

func (a *answers) Form(_ context.Context, f Form) ([]session.Secret, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.forms = append(a.forms, f)
	if len(a.values) == 0 {
		return nil, errNoAnswer
	}
	v := a.values[0]
	a.values = a.values[1:]
	return []session.Secret{session.Secret(v)}, nil
}

func (a *answers) Trust(_ context.Context, c Certificate) (bool, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.shown = append(a.shown, c)
	return !a.distrust, nil
}

// is fails unless an error is a failure of that kind.
func is(t *testing.T, err error, want session.VPNFailureCode) *Failure {
	t.Helper()
	var f *Failure
	if !errors.As(err, &f) || f.Code != want {
		t.Fatalf("it is %v, want %s", err, want)
	}
	return f
}
