package tunnel

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"go.uber.org/goleak"

	"github.com/tidegate/tidegate/session"
)

// dialEnv makes the test binary connect to the address in it, as whoever runs
// it, and say whether anything came back.
const dialEnv = "TIDEGATE_TEST_DIAL"

func TestMain(m *testing.M) {
	if addr := os.Getenv(dialEnv); addr != "" {
		c, err := net.Dial("tcp4", addr)
		if err == nil {
			// A reset shows once, in whichever of the two comes behind it.
			if _, err = c.Write([]byte("hello")); err == nil {
				_, err = io.ReadFull(c, make([]byte, 5))
			}
		}
		fmt.Printf("uid %d: %v\n", os.Getuid(), err)
		if err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	// Each check of the property is minutes of virtual time.
	if err := flag.Set("rapid.checks", "40"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// real is a data plane and a gateway on loopback sockets.
type real struct {
	*running
	pki    *pki
	gw     *gateway
	listen netip.AddrPort
}

// onSockets starts them in front of an application that serves each connection.
func onSockets(t *testing.T, opt Options, serve func(appConn)) *real {
	app, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := app.AcceptTCP()
			if err != nil {
				return
			}
			wg.Go(func() { serve(c) })
		}
	})
	t.Cleanup(func() { app.Close(); wg.Wait() })
	r := &real{pki: newPKI(t)}
	r.gw = startGateway(t, r.pki, udpAt(t, 0), nil)
	r.gw.reach(dialTCP)
	r.gw.judge(allow)
	t.Cleanup(func() { r.gw.stop() })
	r.running = startPlane(t, New(opt))
	t.Cleanup(r.stop)
	r.Apply(config(r.pki, r.gw.socket.LocalAddr().String(), "127.0.0.1", uint16(app.Addr().(*net.TCPAddr).Port)))
	f := r.until("a listener", func(f session.DataplaneFacts) bool { return f.Apps["app"].Listen.IsValid() })
	r.listen = f.Apps["app"].Listen
	return r
}

func udpAt(t *testing.T, port int) net.PacketConn {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (r *real) open(t *testing.T) *net.TCPConn {
	t.Helper()
	c, err := net.DialTCP("tcp4", nil, net.TCPAddrFromAddrPort(r.listen))
	if err != nil {
		t.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(30 * time.Second))
	t.Cleanup(func() { c.Close() })
	return c
}

func TestHalfClose(t *testing.T) {
	// The application reads to the end and only then answers.
	r := onSockets(t, Options{}, func(c appConn) {
		b, _ := io.ReadAll(c)
		fmt.Fprintf(c, "%d bytes", len(b))
		c.Close()
	})
	c := r.open(t)
	c.Write(make([]byte, 100_000))
	c.CloseWrite()
	if got, err := io.ReadAll(c); err != nil || string(got) != "100000 bytes" {
		t.Errorf("%q, %v", got, err)
	}
	// And one that ends first, and goes on reading.
	read := make(chan string, 1)
	r = onSockets(t, Options{}, func(c appConn) {
		io.WriteString(c, "bye")
		c.CloseWrite()
		b, _ := io.ReadAll(c)
		read <- string(b)
		c.Close()
	})
	c = r.open(t)
	if got, err := io.ReadAll(c); err != nil || string(got) != "bye" {
		t.Errorf("%q, %v", got, err)
	}
	io.WriteString(c, "and thanks")
	c.Close()
	if got := <-read; got != "and thanks" {
		t.Errorf("the application read %q", got)
	}
}

func TestResetBothWays(t *testing.T) {
	ended := make(chan error, 1)
	r := onSockets(t, Options{}, func(c appConn) {
		b := make([]byte, 5)
		io.ReadFull(c, b)
		c.Write(b)
		if string(b) == "reset" {
			reset(c)
			return
		}
		_, err := io.Copy(io.Discard, c)
		ended <- err
		c.Close()
	})
	c := r.open(t)
	ping(t, c, "hello")
	reset(c)
	if err := <-ended; !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the application saw %v", err)
	}
	c = r.open(t)
	io.WriteString(c, "reset")
	if _, err := io.ReadAll(c); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the client saw %v", err)
	}
}

func TestApplicationDown(t *testing.T) {
	r := onSockets(t, Options{}, echo)
	r.gw.reach(func(string) (appConn, error) { return nil, syscall.ECONNREFUSED })
	c, err := net.DialTCP("tcp4", nil, net.TCPAddrFromAddrPort(r.listen))
	if err == nil { // or the reset is there before connect looks
		c.SetDeadline(time.Now().Add(30 * time.Second))
		_, err = io.ReadAll(c)
		c.Close()
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the client saw %v", err)
	}
	f := r.until("the reason", func(f session.DataplaneFacts) bool { return f.Apps["app"].Problem != nil })
	if p := f.Apps["app"].Problem; p.Code != "app-refused" {
		t.Errorf("problem %+v", p)
	}
}

func TestThousandShortFlows(t *testing.T) {
	r := onSockets(t, Options{}, echo)
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 125 {
				c, err := net.Dial("tcp4", r.listen.String())
				if err != nil {
					t.Error(err)
					return
				}
				msg := fmt.Appendf(nil, "flow %d of %d", i, w)
				c.Write(msg)
				c.(*net.TCPConn).CloseWrite()
				if got, err := io.ReadAll(c); err != nil || !bytes.Equal(got, msg) {
					t.Errorf("%q, %v", got, err)
				}
				c.Close()
			}
		})
	}
	wg.Wait()
	f := r.until("no flows left", func(f session.DataplaneFacts) bool { return f.Apps["app"].Flows == 0 && f.Sites["site"].Flows == 0 })
	posts, _, opened := r.gw.seen()
	if len(posts) != 1 || opened != 1000 || f.Apps["app"].Problem != nil {
		t.Errorf("%d flows on %d channels, want a thousand on one; problem %v", opened, len(posts), f.Apps["app"].Problem)
	}
}

func TestBulkIsWhole(t *testing.T) {
	r := onSockets(t, Options{}, echo)
	c := r.open(t)
	sent := sha256.New()
	go func() {
		io.Copy(io.MultiWriter(writerOnly{c}, sent), io.LimitReader(rand.Reader, 32<<20))
		c.CloseWrite()
	}()
	got := sha256.New()
	if n, err := io.Copy(got, c); err != nil || n != 32<<20 || !bytes.Equal(got.Sum(nil), sent.Sum(nil)) {
		t.Errorf("%d bytes came back, %v, the same: %v", n, err, bytes.Equal(got.Sum(nil), sent.Sum(nil)))
	}
	r.until("the count", func(f session.DataplaneFacts) bool {
		return f.Apps["app"].Up == 32<<20 && f.Apps["app"].Down == 32<<20
	})
}

// A gateway killed and started again at the same address, with the same reset
// key: what the client sends to it is answered by a stateless reset
// (RFC 9000, section 10.3), or by nothing where it is too short, and the client
// connects anew.
func TestGatewayKilledAndRestarted(t *testing.T) {
	r := onSockets(t, Options{}, echo)
	r.gw.stop()
	key := quic.StatelessResetKey{1, 2, 3}
	addr := r.gw.socket.LocalAddr().(*net.UDPAddr)
	first := udpAt(t, addr.Port)
	gag := &gagged{PacketConn: first}
	r.gw = startGateway(t, r.pki, gag, &key)
	r.gw.reach(dialTCP)
	r.gw.judge(allow)
	c := r.open(t)
	ping(t, c, "hello")
	r.state(session.Connected) // facts are told a moment later
	gag.set()
	r.gw.stop()
	r.gw = startGateway(t, r.pki, udpAt(t, addr.Port), &key)
	r.gw.reach(dialTCP)
	r.gw.judge(allow)
	start := time.Now()
	io.WriteString(c, "anybody?")
	if _, err := io.ReadAll(c); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the client saw %v", err)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("noticed after %v", took)
	}
	ping(t, r.open(t), "hello")
	r.state(session.Connected)
}

// gagged is a socket that, once set, sends nothing more: a process that was killed.
type gagged struct {
	net.PacketConn
	mu  sync.Mutex
	gag bool
}

func (g *gagged) set() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.gag = true
}

func (g *gagged) WriteTo(b []byte, a net.Addr) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.gag {
		return len(b), nil
	}
	return g.PacketConn.WriteTo(b, a)
}

func TestOnlyThisUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Fatal("TestOnlyThisUser starts a process as another user, and has to be run as root")
	}
	r := onSockets(t, Options{}, echo)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(exe)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "tidegate") // one that the other user may enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	child := dir + "/child"
	if err := errors.Join(os.WriteFile(child, b, 0o755), os.Chmod(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		uid  uint32
		want string
	}{
		{0, "uid 0: <nil>\n"},
		{12345, "connection reset by peer\n"},
	} {
		cmd := exec.Command(child)
		cmd.Env = append(os.Environ(), dialEnv+"="+r.listen.String(), "GORACE=atexit_sleep_ms=0")
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: step.uid, Gid: step.uid}}
		out, err := cmd.Output()
		if (err == nil) != (step.uid == 0) || !bytes.HasSuffix(out, []byte(step.want)) {
			t.Errorf("user %d: %q, %v", step.uid, out, err)
		}
	}
	if _, _, n := r.gw.seen(); n != 1 {
		t.Errorf("%d flows opened, want root's", n)
	}
}

func TestPeerThatIsGone(t *testing.T) {
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	a, err := l.AcceptTCP()
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if err := checkPeer(a); err != nil {
		t.Errorf("of a live peer: %v", err)
	}
	c.(*net.TCPConn).CloseWrite()
	if err := checkPeer(a); err != nil {
		t.Errorf("of a half-closed peer: %v", err)
	}
	c.Close()
	io.Copy(io.Discard, a)
	if err := checkPeer(a); err == nil {
		t.Error("a socket that nobody has open passed for this user's")
	}
}

func TestListenFallsBack(t *testing.T) {
	addr := netip.MustParseAddr("127.99.98.97")
	busy, err := listenLoopback(t.Context(), want{addr, []uint16{0}})
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	taken := busy.Addr().Port()
	l, err := listenLoopback(t.Context(), want{addr, []uint16{taken, taken, 0}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if l.Addr().Addr() != addr || l.Addr().Port() == taken {
		t.Errorf("listens on %v", l.Addr())
	}
	if _, err := listenLoopback(context.Background(), want{netip.MustParseAddr("192.0.2.1"), []uint16{0}}); err == nil {
		t.Error("listens on an address that is not here")
	}
}
