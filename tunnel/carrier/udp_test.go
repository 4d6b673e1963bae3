package carrier

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/quic-go/quicvarint"

	"github.com/tidegate/tidegate/internal/wire"
)

// echoUDP answers a CONNECT-UDP and sends back each datagram, by the way that it
// came. "end" ends it.
func echoUDP(t *testing.T) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		protocol := r.Proto
		if p := r.Header.Get(":protocol"); p != "" { // net/http has it there
			protocol = p
		}
		if protocol != "connect-udp" || r.Header.Get(http3.CapsuleProtocolHeader) != "?1" ||
			r.URL.EscapedPath() != "/.well-known/masque/udp/2001%3Adb8%3A%3A1/53/" {
			t.Errorf("%s %s %v", protocol, r.URL.EscapedPath(), r.Header)
		}
		w.WriteHeader(http.StatusOK)
		rc := http.NewResponseController(w)
		rc.Flush()
		var body io.ReadWriter
		if s, ok := w.(http3.HTTPStreamer); ok {
			str, err := s.HTTPStream()
			if err != nil {
				return
			}
			defer str.Close()
			body = str
			go func() {
				for {
					b, err := str.ReceiveDatagram(context.Background())
					if err != nil {
						return
					}
					if err := str.SendDatagram(b); err != nil {
						t.Error(err)
					}
				}
			}()
		} else {
			body = struct {
				io.Reader
				io.Writer
			}{r.Body, w}
		}
		p := http3.NewCapsuleParser(quicvarint.NewReader(body))
		for {
			kind, c, err := p.Next()
			if err != nil {
				return
			}
			b, err := io.ReadAll(c)
			if err != nil || kind != 0 {
				t.Errorf("capsule %d, %v", kind, err)
				return
			}
			if string(b) == "\x00end" {
				return
			}
			// Something unknown before it, which is skipped.
			out := append([]byte{0x29, 3, 'a', 'b', 'c'}, appendCapsule(nil, b[1:])...)
			if _, err := body.Write(out); err != nil {
				return
			}
			rc.Flush()
		}
	}
}

func receive(t *testing.T, p Packets) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	b, err := p.Receive(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func datagrams(t *testing.T, b *bed, c Carrier) {
	b.far.update(func() { b.far.connect = echoUDP(t) })
	p, err := c.ConnectUDP(t.Context(), "[2001:db8::1]:53")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"hello", "", strings.Repeat("y", 60_000), "bye"} {
		if err := p.Send([]byte(want)); err != nil {
			t.Fatal(err)
		}
		if got := receive(t, p); got != want {
			t.Errorf("%d bytes came, want %d", len(got), len(want))
		}
	}
	if err := p.Send(make([]byte, maxDatagram+1)); err == nil {
		t.Error("too large a datagram was sent")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := p.Receive(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	got := make(chan error, 1)
	go func() { _, err := p.Receive(t.Context()); got <- err }()
	time.Sleep(time.Second)
	p.Close()
	p.Close()
	if err := <-got; err == nil {
		t.Error("closed, and it receives")
	}
	if err := p.Send([]byte("x")); err == nil {
		t.Error("closed, and it sends")
	}
	// It ends with the carrier.
	p, err = c.ConnectUDP(t.Context(), "[2001:db8::1]:53")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _, err := p.Receive(t.Context()); got <- err }()
	time.Sleep(time.Second)
	c.Close()
	if err := <-got; !errors.Is(err, ErrLost) {
		t.Error(err)
	}
	synctest.Wait()
}

func TestUDP(t *testing.T) {
	inBed(t, func(t *testing.T, b *bed) { datagrams(t, b, b.dial(H3)) })
}

func TestUDPRefused(t *testing.T) {
	inBed(t, func(t *testing.T, b *bed) {
		b.far.connect = func(w http.ResponseWriter, r *http.Request) {
			(&wire.Problem{Code: wire.CodeDenied, Status: http.StatusForbidden, Title: "No"}).Write(w)
		}
		var p *wire.Problem
		if _, err := b.dial(H3).ConnectUDP(t.Context(), "a.internal:53"); !errors.As(err, &p) || p.Code != wire.CodeDenied {
			t.Error(err)
		}
		if _, err := b.dial(H3).ConnectUDP(t.Context(), "a.internal"); err == nil {
			t.Error("without a port")
		}
	})
}

// A gateway need not take an extended CONNECT on HTTP/2.
func TestUDPNotOnH2(t *testing.T) {
	inBed(t, func(t *testing.T, b *bed) {
		if _, err := b.dial(H2).ConnectUDP(t.Context(), "[2001:db8::1]:53"); !errors.Is(err, errors.ErrUnsupported) {
			t.Error(err)
		}
	})
}

// Where it does, it carries capsules. x/net/http2 wants it said when the program
// starts.
func TestUDPOnH2(t *testing.T) {
	if !strings.Contains(os.Getenv("GODEBUG"), "http2xconnect=1") {
		cmd := exec.Command("/proc/self/exe", "-test.run=^TestUDPOnH2$", "-test.v")
		cmd.Env = append(os.Environ(), "GODEBUG=http2xconnect=1")
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: TestUDPOnH2") {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	inBed(t, func(t *testing.T, b *bed) { datagrams(t, b, b.dial(H2)) })
}

func FuzzCapsules(f *testing.F) {
	f.Add(appendCapsule(nil, []byte("hello")))
	f.Add([]byte{0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Add([]byte{0x29, 1, 2, 0, 1, 0x40})
	f.Fuzz(func(t *testing.T, b []byte) {
		i := newInbox()
		if i.capsules(bytes.NewReader(b)) == nil {
			t.Error("it does not end")
		}
		for n := len(i.queue); n > 0; n-- {
			if d := <-i.queue; len(d) > len(b) {
				t.Errorf("%d bytes of %d", len(d), len(b))
			}
		}
	})
}

func FuzzResponse(f *testing.F) {
	f.Add([]byte("\x01\x02\x00\x00"))
	f.Add(appendRequest(nil, "POST", "gw", "/", []byte("x")))
	f.Add([]byte("\x01\x03\x00\x00\xd9\x00\x02hi")) // 200
	f.Add([]byte("\x21\x01x\x01\x03\x00\x00\xd9\x00\x02hi\x01\x02\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		res, err := readResponse(bytes.NewReader(b))
		if err != nil {
			return
		}
		if res.StatusCode < 200 || res.StatusCode > 999 {
			t.Errorf("status %d", res.StatusCode)
		}
		if got, _ := io.ReadAll(res.Body); len(got) > len(b) {
			t.Errorf("%d bytes of %d", len(got), len(b))
		}
	})
}

// A network that is gone loses datagrams, and holds nobody up.
func TestDatagramsWithoutNetwork(t *testing.T) {
	inBed(t, func(t *testing.T, b *bed) {
		b.far.update(func() { b.far.connect = echoUDP(t) })
		p, err := b.dial(H3).ConnectUDP(t.Context(), "[2001:db8::1]:53")
		if err != nil {
			t.Fatal(err)
		}
		b.lose(func(string, netip.AddrPort, netip.AddrPort) bool { return true })
		began := time.Now()
		for range 1000 {
			if err := p.Send(make([]byte, 1000)); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("sending took %v", took)
		}
		p.Close()
		if err := p.Send(nil); err == nil {
			t.Error("a closed one sends")
		}
	})
}
