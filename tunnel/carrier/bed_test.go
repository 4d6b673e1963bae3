package carrier

//lint:file-ignore SA1019 as the gateway does it

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"go.uber.org/goleak"
	"golang.org/x/net/http2"

	"github.com/tidegate/tidegate/internal/flow"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pki is a throw-away CA with a gateway's certificate and a device's.
type pki struct {
	pool    *x509.CertPool
	gateway tls.Certificate
	device  session.Identity
}

func newPKI(t testing.TB) *pki {
	t.Helper()
	key := func() *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	sign := func(c, parent *x509.Certificate, k, by *ecdsa.PrivateKey) []byte {
		c.NotBefore, c.NotAfter = time.Unix(0, 0), time.Unix(4e9, 0)
		der, err := x509.CreateCertificate(rand.Reader, c, parent, k.Public(), by)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	ck, gk, dk := key(), key(), key()
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der := sign(ca, ca, ck, ck)
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	leaf := func(serial int64, usage x509.ExtKeyUsage) *x509.Certificate {
		return &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "test"}, ExtKeyUsage: []x509.ExtKeyUsage{usage},
			IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv4(10, 0, 0, 2), net.IPv4(10, 9, 0, 2), net.ParseIP("fd00::2")}, DNSNames: []string{"gw.test"}}
	}
	p := &pki{pool: x509.NewCertPool()}
	p.pool.AddCert(parsed)
	p.gateway = tls.Certificate{Certificate: [][]byte{sign(leaf(2, x509.ExtKeyUsageServerAuth), parsed, gk, ck)}, PrivateKey: gk}
	p.device = session.Identity{Device: "dev1", Key: crypto.Signer(dk), Certificate: [][]byte{sign(leaf(3, x509.ExtKeyUsageClientAuth), parsed, dk, ck)}, CA: der}
	return p
}

func (p *pki) serverTLS() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{p.gateway},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: p.pool,
	}
}

// far is a small gateway on both lanes: what a carrier needs of one.
type far struct {
	h3  *http3.Server
	tr  *quic.Transport
	udp net.PacketConn
	h2  *http.Server

	mu       sync.Mutex
	requests []seen
	refuse   *wire.Problem       // of sessions
	connect  http.HandlerFunc    // nil: echo
	unread   bool                // early data is refused
	streams  map[string]struct{} // authorities
}

// seen is a request that came.
type seen struct {
	path  string
	early bool // before the handshake was complete
	body  wire.SessionRequest
}

// serve starts the lanes that it is given sockets for.
func serve(t testing.TB, conf *tls.Config, udp net.PacketConn, tcp net.Listener) *far {
	t.Helper()
	f := &far{udp: udp, streams: map[string]struct{}{}}
	if udp != nil {
		f.tr = &quic.Transport{Conn: udp}
		early := conf.Clone()
		early.UnwrapSession = func(b []byte, cs tls.ConnectionState) (*tls.SessionState, error) {
			s, err := conf.DecryptTicket(b, cs)
			f.mu.Lock()
			defer f.mu.Unlock()
			if s != nil && f.unread {
				s.EarlyData = false
			}
			return s, err
		}
		early.WrapSession = func(cs tls.ConnectionState, s *tls.SessionState) ([]byte, error) { return conf.EncryptTicket(cs, s) }
		ln, err := f.tr.ListenEarly(http3.ConfigureTLSConfig(early), &quic.Config{
			MaxIdleTimeout: 24 * time.Hour, MaxIncomingStreams: 1 << 12, Allow0RTT: true, EnableDatagrams: true,
			InitialStreamReceiveWindow: 1 << 20, MaxStreamReceiveWindow: 16 << 20, InitialConnectionReceiveWindow: 4 << 20, MaxConnectionReceiveWindow: 64 << 20,
		})
		if err != nil {
			t.Fatal(err)
		}
		f.h3 = &http3.Server{Handler: http.HandlerFunc(f.handle), EnableDatagrams: true, Logger: slog.New(slog.DiscardHandler),
			ConnContext: func(ctx context.Context, c *quic.Conn) context.Context {
				return context.WithValue(ctx, connKey{}, c)
			}}
		go func() {
			f.h3.ServeListener(ln)
			ln.Close()
		}()
	}
	if tcp != nil {
		h2 := conf.Clone()
		h2.NextProtos = []string{"h2"}
		f.h2 = &http.Server{Handler: http.HandlerFunc(f.handle), TLSConfig: h2, ErrorLog: log.New(io.Discard, "", 0)}
		err := http2.ConfigureServer(f.h2, &http2.Server{MaxConcurrentStreams: 1 << 12, MaxReadFrameSize: 32 << 10, MaxUploadBufferPerConnection: 64 << 20, MaxUploadBufferPerStream: 3 << 19})
		if err != nil {
			t.Fatal(err)
		}
		go f.h2.ServeTLS(tcp, "", "")
	}
	return f
}

type connKey struct{}

func (f *far) stop() {
	if f.h3 != nil {
		f.h3.Close()
		f.tr.Close()
		f.udp.Close()
	}
	if f.h2 != nil {
		f.h2.Close()
	}
}

func (f *far) update(fn func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fn()
}

// heard are the requests so far.
func (f *far) heard() []seen {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]seen(nil), f.requests...)
}

func (f *far) handle(w http.ResponseWriter, r *http.Request) {
	s := seen{path: r.URL.Path}
	if r.Method == http.MethodConnect {
		s.path = r.Host
	}
	if c, ok := r.Context().Value(connKey{}).(*quic.Conn); ok {
		select {
		case <-c.HandshakeComplete():
		default:
			s.early = true
		}
	}
	if r.Method != http.MethodConnect {
		if r.URL.Path == wire.PathDataSession || r.URL.Path == wire.PathDataCarrier {
			if err := wire.ReadJSON(r.Body, &s.body); err != nil {
				s.path = "unreadable: " + err.Error()
			}
		}
	}
	f.mu.Lock()
	f.requests = append(f.requests, s)
	refuse, connect := f.refuse, f.connect
	f.mu.Unlock()
	switch {
	case r.Method == http.MethodConnect && connect != nil:
		connect(w, r)
	case r.Method == http.MethodConnect:
		echo(w, r)
	case refuse != nil:
		refuse.Write(w)
	case r.Method == http.MethodPost && r.URL.Path == wire.PathDataSession:
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, "event: hello\ndata: {}\n\n")
		http.NewResponseController(w).Flush()
		<-r.Context().Done()
	case r.URL.Path == wire.PathDataEcho:
		wire.WriteJSON(w, http.StatusOK, wire.EchoReply{RTT: wire.Duration(time.Millisecond)})
	default:
		io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusNoContent)
	}
}

// echo takes a flow, answers 200 and sends back what comes.
func echo(w http.ResponseWriter, r *http.Request) {
	w.Header().Set(wire.HeaderDecision, "d1")
	if h, err := flow.ParseHeader(r.Header.Get(wire.HeaderFlow)); err == nil {
		w.Header().Set(wire.HeaderFlow, flow.Header{ID: h.ID, Epoch: h.Epoch, Received: 7}.String())
	}
	w.WriteHeader(http.StatusOK)
	rc := http.NewResponseController(w)
	rc.Flush()
	b := make([]byte, 64<<10)
	for {
		n, err := r.Body.Read(b)
		if n > 0 {
			if _, err := w.Write(b[:n]); err != nil {
				return
			}
			rc.Flush()
		}
		if err != nil {
			return
		}
	}
}

// bed is a dialer and a gateway on a simulated network, in virtual time.
type bed struct {
	*simNet
	t    *testing.T
	pki  *pki
	far  *far
	d    *Dialer
	gate wire.Gateway
}

// at is where the gateway listens.
var at = netip.MustParseAddrPort("10.0.0.2:443")

func newBed(t *testing.T, p *pki) *bed {
	b := &bed{simNet: newNetwork(), t: t, pki: p, gate: wire.Gateway{Name: "gw", Address: at.String()}}
	b.start()
	b.d = New(b.options())
	return b
}

func (b *bed) start() {
	b.mu.Lock()
	udp := b.bind(at)
	b.mu.Unlock()
	b.far = serve(b.t, b.pki.serverTLS(), udp, b.listenTCP(at))
}

// dial opens a carrier, which ends with the test.
func (b *bed) dial(lane Lane) Carrier {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var c Carrier
	var err error
	if lane == "" {
		c, err = b.d.Dial(ctx, b.gate, b.pki.device)
	} else {
		c, err = b.d.DialLane(ctx, b.gate, b.pki.device, lane)
	}
	if err != nil {
		b.t.Fatalf("dial: %v", err)
	}
	b.t.Cleanup(c.Close)
	return c
}

// talk opens a flow, and has b come back.
func talk(t testing.TB, c Carrier, b string) Stream {
	t.Helper()
	s, err := c.Connect(t.Context(), Request{Authority: "app.internal:80"})
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	say(t, s, b)
	return s
}

func say(t testing.TB, s Stream, b string) {
	t.Helper()
	if _, err := io.WriteString(s, b); err != nil {
		t.Fatalf("write: %v", err)
	}
	got := make([]byte, len(b))
	if _, err := io.ReadFull(s, got); err != nil || string(got) != b {
		t.Fatalf("read %q, %v; want %q", got, err, b)
	}
}
