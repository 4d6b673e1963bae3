package vpntest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// hook does what a client does with what a server gives, and writes it down.
const hook = `#!/bin/sh
set -e
env >"$HOOKED/$reason"
case $reason in connect)
	ip link set "$TUNDEV" up mtu "${INTERNAL_IP4_MTU:-1400}"
	ip addr add "$INTERNAL_IP4_ADDRESS/32" dev "$TUNDEV"
	if [ -n "$INTERNAL_IP6_ADDRESS" ]; then ip -6 addr add "$INTERNAL_IP6_ADDRESS/128" dev "$TUNDEV" nodad; fi
	if [ -z "$CISCO_SPLIT_INC" ]; then ip route add 0.0.0.0/1 dev "$TUNDEV"; ip route add 128.0.0.0/1 dev "$TUNDEV"; fi
	i=0; while [ $i -lt "${CISCO_SPLIT_INC:-0}" ]; do
		eval ip route add "\$CISCO_SPLIT_INC_${i}_ADDR/\$CISCO_SPLIT_INC_${i}_MASKLEN" dev "$TUNDEV"; i=$((i+1))
	done
	if [ -n "$INTERNAL_IP6_ADDRESS" ]; then
		if [ -z "$CISCO_IPV6_SPLIT_INC" ]; then ip -6 route add default dev "$TUNDEV"; fi
		i=0; while [ $i -lt "${CISCO_IPV6_SPLIT_INC:-0}" ]; do
			eval ip -6 route add "\$CISCO_IPV6_SPLIT_INC_${i}_ADDR/\$CISCO_IPV6_SPLIT_INC_${i}_MASKLEN" dev "$TUNDEV"; i=$((i+1))
		done
	fi
	touch "$HOOKED/up"
esac
`

// client is a real openconnect in a network.
type client struct {
	t    *testing.T
	n    *Network
	dir  string
	cmd  *exec.Cmd
	said bytes.Buffer
}

// openconnect runs it to its end, and returns all it said.
func openconnect(t *testing.T, n *Network, input string, arg ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	var out bytes.Buffer
	c := exec.CommandContext(ctx, "openconnect", append([]string{"--no-system-trust"}, arg...)...)
	c.Stdin = strings.NewReader(input)
	c.Stdout, c.Stderr = &out, &out
	if err := n.Client.Start(c); err != nil {
		t.Fatal(err)
	}
	err := c.Wait()
	return out.String(), err
}

var cookie = regexp.MustCompile(`(?m)^COOKIE='(.*)'$`)

// connect signs in and connects, and waits until it is.
func connect(t *testing.T, n *Network, protocol, server, fingerprint, input string, arg ...string) *client {
	t.Helper()
	out, err := openconnect(t, n, input, "--protocol", protocol, "--servercert", fingerprint, "--authenticate", server)
	found := cookie.FindStringSubmatch(out)
	if err != nil || found == nil {
		t.Fatalf("sign in: %v\n%s", err, out)
	}
	c := &client{t: t, n: n, dir: t.TempDir()}
	script := filepath.Join(c.dir, "hook")
	if err := os.WriteFile(script, []byte(hook), 0o755); err != nil {
		t.Fatal(err)
	}
	// A SIGPIPE would end it, where it has packets to send as its connection breaks.
	c.cmd = exec.Command("env", append([]string{"--ignore-signal=PIPE", "openconnect", "--no-system-trust", "--protocol", protocol, "--servercert", fingerprint, "--cookie-on-stdin", "--interface", "vpn0", "--script", script, server}, arg...)...)
	c.cmd.Env = append(os.Environ(), "HOOKED="+c.dir)
	c.cmd.Stdin = strings.NewReader(found[1] + "\n")
	c.cmd.Stdout, c.cmd.Stderr = &c.said, &c.said
	if err := n.Client.Start(c.cmd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.end(syscall.SIGKILL)
		if t.Failed() {
			t.Logf("openconnect said:\n%s", c.said.String())
		}
	})
	for end := time.Now().Add(Patience); ; time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(filepath.Join(c.dir, "up")); err == nil {
			return c
		}
		if time.Now().After(end) {
			t.Fatal("it never connected")
		}
	}
}

// end ends it, and returns its exit code; what has ended stays so.
func (c *client) end(by syscall.Signal) int {
	if c.cmd.ProcessState == nil {
		c.cmd.Process.Signal(by)
		c.cmd.Wait()
	}
	return c.cmd.ProcessState.ExitCode()
}

// ends waits until it has ended by itself, and returns its exit code.
func (c *client) ends() int {
	c.t.Helper()
	late := time.AfterFunc(Patience, func() { c.cmd.Process.Kill() })
	defer late.Stop()
	c.cmd.Wait()
	return c.cmd.ProcessState.ExitCode()
}

// given is what the server gave it, by the hook's names.
func (c *client) given(name string) string {
	c.t.Helper()
	b, err := os.ReadFile(filepath.Join(c.dir, "connect"))
	if err != nil {
		c.t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, name+"="); ok {
			return strings.TrimSuffix(v, "\n")
		}
	}
	return ""
}

// get fetches the page at an address.
func (n *Network) get(at netip.Addr) (page string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	web := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, to string) (c net.Conn, err error) {
		err = n.Client.Do(func() (err error) { c, err = (&net.Dialer{}).DialContext(ctx, network, to); return err })
		return c, err
	}}}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+netip.AddrPortFrom(at, 80).String()+"/", nil)
	if err != nil {
		return "", err
	}
	w, err := web.Do(r)
	if err != nil {
		return "", err
	}
	defer w.Body.Close()
	b, err := io.ReadAll(w.Body)
	return strings.TrimSpace(string(b)), err
}

// find asks a name server for a name's address.
func (n *Network) find(server netip.Addr, name string) (a string, err error) {
	err = n.Client.Do(func() error {
		r, _, err := (&dns.Client{Timeout: Patience}).Exchange(new(dns.Msg).SetQuestion(dns.Fqdn(name), dns.TypeA), netip.AddrPortFrom(server, 53).String())
		if err != nil {
			return err
		}
		if len(r.Answer) != 1 {
			return fmt.Errorf("the answer is %v", r)
		}
		a = r.Answer[0].(*dns.A).A.String()
		return nil
	})
	return a, err
}

// gets fails unless the page at an address is that.
func (n *Network) gets(t *testing.T, at netip.Addr, want string) {
	t.Helper()
	if page, err := n.get(at); err != nil || page != want {
		t.Errorf("at %v there is %q (%v), want %q", at, page, err, want)
	}
}

// finds fails unless a name server says that.
func (n *Network) finds(t *testing.T, server netip.Addr, name string, want netip.Addr) {
	t.Helper()
	if a, err := n.find(server, name); err != nil || a != want.String() {
		t.Errorf("%v says that %s is at %q (%v), want %v", server, name, a, err, want)
	}
}
