package vpntest

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tidegate/tidegate/dnssplit/resolvedtest"
	"github.com/tidegate/tidegate/internal/netlab"
)

// Patience is how long anything may take on a machine that is busy.
const Patience = 60 * time.Second

// OcservOptions are what an ocserv is to be like.
type OcservOptions struct {
	// Space is where it runs, and Address, which is to be there, where it listens.
	Space   *netlab.Space
	Address netip.Addr
	// Groups of which everybody may choose one, by their descriptions.
	Groups []string
	// Full leads everything through the VPN; otherwise it is the office alone.
	Full bool
	// IPv6 is in it, too.
	IPv6 bool
	// NoDTLS has it carry packets over TLS alone.
	NoDTLS bool
	// Banner greets who has signed in.
	Banner string
}

// Password of alice, who is the only user.
const Password = "open sesame"

// Ocserv is a running ocserv, with an office behind it.
type Ocserv struct {
	*Office
	// Certificate is what it shows.
	Certificate *Certificate

	t      testing.TB
	o      OcservOptions
	dir    string
	keeper *keeper
	cmd    *exec.Cmd
	log    *os.File
}

// StartOcserv starts one, until the test ends.
func StartOcserv(t testing.TB, o OcservOptions) *Ocserv {
	t.Helper()
	dir, err := os.MkdirTemp("", "ocserv") // short: a socket's path is at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil { // its workers are nobody
		t.Fatal(err)
	}
	s := &Ocserv{Office: NewOffice(t, o.Space), t: t, o: o, dir: dir, keeper: newKeeper(t, o.Space)}
	if s.log, err = os.Create(s.path("log")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.log.Close()
		if t.Failed() {
			t.Logf("ocserv said:\n%s", s.said())
		}
	})
	args := []string{"-c", s.path("passwd")}
	if len(o.Groups) > 0 {
		args = append(args, "-g", strings.Join(s.groups(), ","))
	}
	c := exec.CommandContext(t.Context(), s.program("bin/ocpasswd"), append(args, "alice")...)
	c.Stdin = strings.NewReader(Password + "\n" + Password + "\n")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("ocpasswd: %v: %s", err, out)
	}
	if err := os.WriteFile(s.path("conf"), []byte(s.conf()), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	s.Recertify()
	return s
}

// Address is what a client is given.
func (s *Ocserv) Address() string { return s.o.Address.String() }

// program is one of the package's, which is unpacked and not installed: it would
// start a server for all the world.
func (s *Ocserv) program(name string) string {
	s.t.Helper()
	return filepath.Join(resolvedtest.Package(s.t, "ocserv"), "usr", name)
}

func (s *Ocserv) path(name string) string { return filepath.Join(s.dir, name) }

// groups are the names of the groups.
func (s *Ocserv) groups() (names []string) {
	for n := range s.o.Groups {
		names = append(names, fmt.Sprintf("group%d", n))
	}
	return names
}

func (s *Ocserv) conf() string {
	var b strings.Builder
	set := func(name, value string) { fmt.Fprintf(&b, "%s = %s\n", name, value) }
	set("auth", `"plain[passwd=`+s.path("passwd")+`]"`)
	set("listen-host", s.o.Address.String())
	set("tcp-port", "443")
	if !s.o.NoDTLS {
		set("udp-port", "443")
	}
	set("run-as-user", "nobody")
	set("run-as-group", "nogroup")
	set("socket-file", s.path("sock"))
	set("server-cert", s.path("cert.pem"))
	set("server-key", s.path("key.pem"))
	set("isolate-workers", "false") // the sandbox knows few systems
	set("max-clients", "16")
	set("max-same-clients", "16")
	set("keepalive", "30")
	set("dpd", "20")
	set("try-mtu-discovery", "false")
	set("tls-priorities", `"NORMAL"`)
	set("auth-timeout", "240")
	set("min-reauth-time", "0")
	set("max-ban-score", "0")
	set("cookie-timeout", "300")
	set("rekey-time", "172800")
	set("use-occtl", "true")
	set("occtl-socket-file", s.path("occtl"))
	set("pid-file", s.path("pid"))
	set("device", "vpns")
	set("predictable-ips", "true")
	set("cisco-client-compat", "true")
	set("default-domain", Domain)
	set("ipv4-network", Clients4.String())
	set("dns", DNS4.String())
	routes := []netip.Prefix{Clients4, Office4}
	if s.o.IPv6 {
		set("ipv6-network", Clients6.String())
		set("ipv6-subnet-prefix", "128")
		set("dns", DNS6.String())
		routes = append(routes, Office6)
	}
	if s.o.Full {
		set("route", "default")
		set("tunnel-all-dns", "true")
	} else {
		for _, r := range routes {
			set("route", r.String())
		}
		set("split-dns", Domain)
	}
	for n, g := range s.o.Groups {
		set("select-group", fmt.Sprintf("group%d[%s]", n, g))
	}
	if s.o.Banner != "" {
		set("banner", `"`+s.o.Banner+`"`)
	}
	return b.String()
}

// Recertify has the server show another certificate, with another key: it is started
// anew, and every session of before has ended.
func (s *Ocserv) Recertify() {
	s.t.Helper()
	s.Stop()
	var err error
	if s.Certificate, err = NewCertificate(s.o.Address); err != nil {
		s.t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(s.Certificate.PrivateKey)
	if err != nil {
		s.t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: s.Certificate.Certificate.Certificate[0]}, "key.pem": {Type: "PRIVATE KEY", Bytes: key}} {
		if err := os.WriteFile(s.path(name), pem.EncodeToMemory(block), 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
	s.Start()
}

// Start starts it after Stop or Crash. It knows nothing of the sessions of before.
func (s *Ocserv) Start() {
	s.t.Helper()
	s.cmd = exec.Command(s.program("sbin/ocserv"), "-f", "-d", "1", "-c", s.path("conf"))
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	if err := s.keeper.start(s.cmd); err != nil {
		s.cmd = nil
		s.t.Fatal(err)
	}
	s.eventually("ocserv to listen", func() bool {
		return s.o.Space.Do(func() error {
			c, err := net.DialTimeout("tcp", netip.AddrPortFrom(s.o.Address, 443).String(), time.Second)
			if err == nil {
				c.Close()
			}
			return err
		}) == nil
	})
	s.eventually("ocserv to be told things", func() bool { _, err := s.occtl("show", "status"); return err == nil })
}

// Stop ends it as its service does: clients hear that their session is over.
func (s *Ocserv) Stop() { s.end(syscall.SIGTERM) }

// Crash ends it without a word to anybody.
func (s *Ocserv) Crash() { s.end(syscall.SIGKILL) }

// end ends ocserv and all that it started.
func (s *Ocserv) end(by syscall.Signal) {
	if s.cmd == nil {
		return
	}
	group := -s.cmd.Process.Pid
	if by == syscall.SIGKILL {
		syscall.Kill(group, by)
	} else {
		s.cmd.Process.Signal(by)
	}
	s.cmd.Wait()
	syscall.Kill(group, syscall.SIGKILL) // what is left of it
	s.cmd = nil
}

// Kick ends a user's sessions by the server's administrator.
func (s *Ocserv) Kick(user string) {
	s.t.Helper()
	if out, err := s.occtl("disconnect", "user", user); err != nil {
		s.t.Fatalf("occtl disconnect: %v: %s", err, out)
	}
}

// Sessions is what its administrator sees of those that are connected, as JSON.
func (s *Ocserv) Sessions() string {
	s.t.Helper()
	out, err := s.occtl("--json", "show", "users")
	if err != nil {
		s.t.Fatalf("occtl show users: %v: %s", err, out)
	}
	return out
}

func (s *Ocserv) occtl(arg ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, s.program("bin/occtl"), append([]string{"-s", s.path("occtl")}, arg...)...).CombinedOutput()
	return string(bytes.TrimSpace(out)), err
}

func (s *Ocserv) said() string {
	b, _ := os.ReadFile(s.path("log"))
	return string(b)
}

// eventually waits for something to be so.
func (s *Ocserv) eventually(what string, so func() bool) {
	s.t.Helper()
	for end := time.Now().Add(Patience); !so(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("waited in vain for %s", what)
		}
	}
}
