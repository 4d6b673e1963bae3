package classicvpn

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tidegate/tidegate/internal/classicvpn/hook"
	"github.com/tidegate/tidegate/internal/classicvpn/vpntest"
	"github.com/tidegate/tidegate/session"
)

// What this binary is told by its environment to be a user's VPN.
const (
	dirEnv    = "CLASSICVPN_DIR"
	helperEnv = "CLASSICVPN_HELPER"
)

// ada is the number of the user whose VPN it is.
const ada = 61001

// TestMain makes this binary the programs of TestWhole, too.
func TestMain(m *testing.M) {
	switch {
	case len(os.Args) == 2 && os.Args[1] == "vpnc-hook":
		if err := hook.Tell(os.Environ()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	case os.Getenv(dirEnv) != "":
		if err := beUser(os.Getenv(dirEnv), os.Getenv(helperEnv)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// order is what the user does; Secret marshals as what it is.
type order struct {
	Do       string
	ID       string
	Settings session.VPNSettings
	Values   []session.Secret
}

// beUser is a user's VPN as a program: it does what its input says, and says what is
// reported, a line each, until its input ends.
func beUser(dir, helper string) error {
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	v := New(Options{Config: filepath.Join(dir, "config"), Runtime: dir, Hook: quote(filepath.Join(dir, "tidegate")) + " vpnc-hook", Helper: helper, Log: log})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		ended <- v.Run(ctx, func(f session.VPNFacts) { json.NewEncoder(os.Stdout).Encode(f) })
	}()
	for in := json.NewDecoder(os.Stdin); ; {
		var o order
		if err := in.Decode(&o); err == io.EOF {
			break
		} else if err != nil {
			return err
		}
		var err error
		switch o.Do {
		case "save":
			err = v.Save(o.Settings)
		case "connect":
			err = v.Connect(o.ID)
		case "disconnect":
			err = v.Disconnect(o.ID)
		case "answer":
			err = v.Answer(o.ID, o.Values)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", o.Do, err)
		}
	}
	cancel()
	<-ended
	return nil
}

// bed is a machine with a helper and a user's VPN, and a server beyond the network.
type bed struct {
	t      *testing.T
	dir    string
	n      *vpntest.Network
	built  string
	helper *exec.Cmd
	socket string
	user   *exec.Cmd
	in     io.WriteCloser

	mu    sync.Mutex
	said  bytes.Buffer // by the helper and the user's VPN
	facts session.VPNFacts
	id    string
}

// Write implements io.Writer.
func (b *bed) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.said.Write(p)
}

func newBed(t *testing.T) *bed {
	t.Helper()
	dir, err := os.MkdirTemp("", "classic") // short: a socket's path is at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	b := &bed{t: t, dir: dir, n: vpntest.NewNetwork(t), built: filepath.Join(dir, "tidegate-helper"), socket: filepath.Join(dir, "helper.sock")}
	for path, text := range map[string]string{
		"etc/helper.toml":      "prefixes = [\"100.96.0.0/16\", \"fd54:6964:6567::/48\"]\ndevices = [\"100.96.255.0/24\", \"fd54:6964:6567:ffff::/64\"]\n",
		"sessions/c1":          fmt.Sprintf("UID=%d\nUSER=ada\nACTIVE=1\nSTATE=active\nREMOTE=0\nTYPE=wayland\nCLASS=user\nSEAT=seat0\n", ada),
		"root/etc/resolv.conf": "nameserver 10.50.0.1\n",
		"root/run/x":           "", "root/var/lib/x": "", "ada/config/x": "",
	} {
		path = filepath.Join(dir, path)
		b.must(os.MkdirAll(filepath.Dir(path), 0o755))
		b.must(os.WriteFile(path, []byte(text), 0o644))
	}
	b.must(os.Chmod(dir, 0o755))
	for _, p := range []string{"ada", "ada/config"} {
		b.must(os.Chown(filepath.Join(dir, p), ada, ada))
		b.must(os.Chmod(filepath.Join(dir, p), 0o700))
	}
	self, err := os.ReadFile("/proc/self/exe")
	b.must(err)
	b.must(os.WriteFile(filepath.Join(dir, "ada", "tidegate"), self, 0o755))
	c := exec.CommandContext(t.Context(), "go", "build", "-o", b.built, "../../cmd/tidegate-helper")
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("build the helper: %v\n%s", err, out)
	}
	t.Cleanup(func() {
		if b.helper != nil {
			b.helper.Process.Kill()
			b.helper.Wait()
		}
		if t.Failed() {
			t.Logf("it was said:\n%s", b.log())
		}
	})
	b.help()
	return b
}

func (b *bed) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bed) log() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.said.String()
}

// help starts a helper.
func (b *bed) help() {
	b.t.Helper()
	at := func(name string) string { return filepath.Join(b.dir, name) }
	b.helper = exec.Command(b.built, "-config", at("etc/helper.toml"), "-journal", at("journal"), "-sessions", at("sessions"), "-root", at("root"), "-bus", "unix:path="+at("no-bus"), "-socket", b.socket)
	b.helper.Stderr = b
	b.must(b.n.Client.Start(b.helper))
	b.eventually("there is a helper", func() bool {
		c, err := net.Dial("unix", b.socket)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	b.must(os.Chmod(b.socket, 0o666))
}

// start starts the user's VPN.
func (b *bed) start() {
	b.t.Helper()
	b.user = exec.Command("/proc/self/exe")
	b.user.Env = append(os.Environ(), dirEnv+"="+filepath.Join(b.dir, "ada"), helperEnv+"="+b.socket, "GORACE=atexit_sleep_ms=0")
	b.user.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: ada, Gid: ada}}
	b.user.Stderr = b
	var err error
	b.in, err = b.user.StdinPipe()
	b.must(err)
	out, err := b.user.StdoutPipe()
	b.must(err)
	b.must(b.n.Client.Start(b.user))
	b.mu.Lock()
	b.facts = session.VPNFacts{}
	b.mu.Unlock()
	go func() {
		for lines := json.NewDecoder(out); ; {
			var f session.VPNFacts
			if lines.Decode(&f) != nil {
				return
			}
			b.mu.Lock()
			b.facts = f
			b.mu.Unlock()
		}
	}()
	b.t.Cleanup(func() { b.quit() })
}

// quit ends the user's VPN.
func (b *bed) quit() {
	b.t.Helper()
	if b.user.ProcessState != nil {
		return
	}
	b.in.Close()
	late := time.AfterFunc(vpntest.Patience, func() { b.user.Process.Kill() })
	defer late.Stop()
	if err := b.user.Wait(); err != nil {
		b.t.Errorf("it ends with %v", err)
	}
}

func (b *bed) do(o order) {
	b.t.Helper()
	b.must(json.NewEncoder(b.in).Encode(o))
}

func (b *bed) eventually(what string, so func() bool) {
	b.t.Helper()
	for end := time.Now().Add(vpntest.Patience); !so(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.t.Fatalf("it is never so that %s: %+v, asked %+v", what, b.facts.Connections, b.facts.Prompt)
		}
	}
}

// wait waits for a report.
func (b *bed) wait(what string, so func(session.VPNFact, *session.VPNPrompt) bool) (c session.VPNFact, p *session.VPNPrompt) {
	b.t.Helper()
	b.eventually(what, func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		if len(b.facts.Connections) != 1 {
			return false
		}
		c, p = b.facts.Connections[0], b.facts.Prompt
		return so(c, p)
	})
	return c, p
}

func (b *bed) failed(code session.VPNFailureCode) {
	b.t.Helper()
	c, _ := b.wait("it is over", func(c session.VPNFact, _ *session.VPNPrompt) bool {
		return c.Phase == session.VPNDisconnected && c.Failure != nil
	})
	if c.Failure.Code != code {
		b.t.Errorf("it is over because of %+v, want %s", *c.Failure, code)
	}
	b.do(order{Do: "disconnect", ID: b.id}) // puts the reason away
	b.wait("that is put away", func(c session.VPNFact, _ *session.VPNPrompt) bool { return c.Failure == nil })
	b.gone()
}

// gone waits until nothing is left of it.
func (b *bed) gone() {
	b.t.Helper()
	b.eventually("nothing is left", func() bool {
		for _, arg := range []string{"link", "route", "rule"} {
			if out := b.ip(arg); strings.Contains(out, "tidev") || strings.Contains(out, b.n.Address.String()+" lookup") {
				return false
			}
		}
		return true
	})
}

func (b *bed) ip(arg ...string) (out string) {
	b.t.Helper()
	b.must(b.n.Client.Do(func() error {
		o, err := exec.Command("ip", arg...).CombinedOutput()
		out = string(o)
		return err
	}))
	return out
}

// connect connects, and answers what is asked: the certificate's question, where it is
// to be, and what words say by its label.
func (b *bed) connect(fingerprint string, words map[string][]string) session.VPNFact {
	b.t.Helper()
	b.do(order{Do: "connect", ID: b.id})
	asked := ""
	for {
		c, p := b.wait("it asks or is connected", func(c session.VPNFact, p *session.VPNPrompt) bool {
			return c.Phase == session.VPNConnected || c.Phase == session.VPNDisconnected && c.Failure != nil || p != nil && p.ID != asked && !p.Busy
		})
		if c.Phase == session.VPNConnected || p == nil {
			return c
		}
		asked = p.ID
		if p.Kind == session.VPNCertificate {
			if p.Fingerprint != fingerprint {
				b.t.Fatalf("it shows %s, want %q", p.Fingerprint, fingerprint)
			}
			b.do(order{Do: "answer", ID: p.ID})
			continue
		}
		label := strings.TrimSuffix(p.Fields[0].Label, ":")
		if len(words[label]) == 0 {
			b.t.Fatalf("it asks %+v", *p)
		}
		b.do(order{Do: "answer", ID: p.ID, Values: []session.Secret{session.Secret(words[label][0])}})
		words[label] = words[label][1:]
	}
}

// page fetches the office's, through the VPN.
func (b *bed) page(at netip.Addr) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	web := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, to string) (c net.Conn, err error) {
		err = b.n.Client.Do(func() (err error) { c, err = (&net.Dialer{}).DialContext(ctx, network, to); return err })
		return c, err
	}}}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+netip.AddrPortFrom(at, 80).String()+"/", nil)
	if err != nil {
		return err
	}
	w, err := web.Do(r)
	if err != nil {
		return err
	}
	defer w.Body.Close()
	line, err := bufio.NewReader(w.Body).ReadString('\n')
	if !strings.HasPrefix(line, "office") {
		return fmt.Errorf("there is %q, %v", line, err)
	}
	return nil
}

func (b *bed) reached() {
	b.t.Helper()
	for _, at := range []netip.Addr{vpntest.Web4, vpntest.Web6} {
		if err := b.page(at); err != nil {
			b.t.Errorf("%v: %v", at, err)
		}
	}
}

// openconnects are those that the user's VPN has started.
func (b *bed) openconnects() (pids []int) {
	dirs, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, d := range dirs {
		stat, err := os.ReadFile(d)
		if err != nil {
			continue
		}
		_, rest, _ := strings.Cut(string(stat), ") ")
		if f := strings.Fields(rest); len(f) > 1 && f[1] == strconv.Itoa(b.user.Process.Pid) && strings.Contains(string(stat), "(openconnect)") {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(d)))
			pids = append(pids, pid)
		}
	}
	return pids
}
