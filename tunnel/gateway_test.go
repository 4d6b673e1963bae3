package tunnel

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	flows "github.com/tidegate/tidegate/internal/flow"
	_ "github.com/tidegate/tidegate/internal/gateway/xconnect" // a CONNECT-UDP on HTTP/2
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// pki is a throw-away CA with a gateway's certificate and a device's.
type pki struct {
	ca      []byte
	pool    *x509.CertPool
	gateway tls.Certificate
	device  session.Identity
}

func newPKI(t testing.TB) *pki {
	t.Helper()
	caKey := newKey(t)
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(4e9, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	leaf := func(serial int64, usage x509.ExtKeyUsage, ips ...net.IP) (*ecdsa.PrivateKey, []byte) {
		key := newKey(t)
		c := &x509.Certificate{
			SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "test"},
			NotBefore: time.Unix(0, 0), NotAfter: time.Unix(4e9, 0),
			ExtKeyUsage: []x509.ExtKeyUsage{usage}, IPAddresses: ips,
		}
		der, err := x509.CreateCertificate(rand.Reader, c, parsed, key.Public(), caKey)
		if err != nil {
			t.Fatal(err)
		}
		return key, der
	}
	p := &pki{ca: der, pool: x509.NewCertPool()}
	p.pool.AddCert(parsed)
	gk, gc := leaf(2, x509.ExtKeyUsageServerAuth, net.IPv4(127, 0, 0, 1), net.IPv4(10, 0, 0, 2), net.IPv4(10, 0, 0, 3))
	p.gateway = tls.Certificate{Certificate: [][]byte{gc}, PrivateKey: gk}
	dk, dc := leaf(3, x509.ExtKeyUsageClientAuth)
	p.device = session.Identity{Device: "dev1", Key: crypto.Signer(dk), Certificate: [][]byte{dc}, CA: der}
	return p
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// gateway is a small real one: HTTP/3 and HTTP/2, mutual TLS, CONNECT, flows that
// outlive their carriers, verdicts as told.
type gateway struct {
	t      testing.TB
	server *http3.Server
	second *http.Server
	tr     *quic.Transport
	socket net.PacketConn
	ctx    context.Context // of its flows
	kill   context.CancelFunc
	wg     sync.WaitGroup

	mu       sync.Mutex
	dial     func(authority string) (appConn, error) // reaches the application
	posts    []wire.SessionRequest
	puts     []wire.SessionRequest
	devices  []wire.DeviceClaims // put
	noDevice *wire.Problem       // what those are answered
	mute     bool                // those are not answered
	drops    bool                // carriers that were admitted
	opened   int
	skew     time.Duration
	revision uint64
	verdicts []wire.Verdict
	refuse   *wire.Problem // of sessions
	ended    *wire.Problem
	changed  chan struct{} // closed with each change
	joins    int
	resumed  int
	gone     int           // resumptions of flows that are not known
	woken    int           // flows that have something to say while they are parked
	slow     time.Duration // each answer to a CONNECT
	known    map[flows.ID]*flows.End
	stops    map[flows.ID]context.CancelFunc
}

// connKey is a request's QUIC connection's in its context.
type connKey struct{}

// start serves on socket.
func startGateway(t testing.TB, p *pki, socket net.PacketConn, resetKey *quic.StatelessResetKey) *gateway {
	t.Helper()
	g := &gateway{t: t, socket: socket, changed: make(chan struct{}), known: map[flows.ID]*flows.End{}, stops: map[flows.ID]context.CancelFunc{}}
	g.ctx, g.kill = context.WithCancel(context.Background())
	g.server = &http3.Server{Handler: http.HandlerFunc(g.serve), EnableDatagrams: true,
		ConnContext: func(ctx context.Context, c *quic.Conn) context.Context {
			go listen(c)
			return context.WithValue(ctx, connKey{}, c)
		}}
	g.tr = &quic.Transport{Conn: socket, StatelessResetKey: resetKey}
	ln, err := g.tr.ListenEarly(http3.ConfigureTLSConfig(&tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{p.gateway},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: p.pool,
	}), &quic.Config{Allow0RTT: true, EnableDatagrams: true, MaxIdleTimeout: 24 * time.Hour, MaxIncomingStreams: 1 << 16})
	if err != nil {
		t.Fatal(err)
	}
	go g.server.ServeListener(ln)
	return g
}

// listen closes a connection that was sent something and is silent, so that its
// flows are parked: the client may be gone and its word of that lost.
func listen(c *quic.Conn) {
	last := c.ConnectionStats()
	for {
		select {
		case <-c.Context().Done():
			return
		case <-time.After(15 * time.Second):
		}
		now := c.ConnectionStats()
		if now.PacketsReceived == last.PacketsReceived && now.PacketsSent >= last.PacketsSent+2 {
			time.Sleep(time.Second) // what was sent a moment ago is answered by then
			now = c.ConnectionStats()
		}
		if now.PacketsReceived == last.PacketsReceived && now.PacketsSent >= last.PacketsSent+2 {
			c.CloseWithError(0, "silent")
		}
		last = now
	}
}

// listenTCP has it serve HTTP/2 too.
func (g *gateway) listenTCP(p *pki, l net.Listener) {
	conf := &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{p.gateway},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: p.pool,
	}
	var only http.Protocols
	only.SetHTTP2(true)
	g.second = &http.Server{Handler: http.HandlerFunc(g.serve), TLSConfig: conf, Protocols: &only,
		HTTP2: &http.HTTP2Config{MaxConcurrentStreams: 1 << 16}, ErrorLog: log.New(io.Discard, "", 0)}
	g.wg.Go(func() { g.second.ServeTLS(l, "", "") })
}

// stop ends the gateway, telling its clients, and its flows.
func (g *gateway) stop() {
	if g.second != nil {
		g.second.Close()
	}
	g.server.Close()
	g.tr.Close()
	g.socket.Close()
	g.kill()
	g.wg.Wait()
}

func (g *gateway) update(fn func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	fn()
	close(g.changed)
	g.changed = make(chan struct{})
}

// judge sends verdicts to every session, now and from now on.
func (g *gateway) judge(v ...wire.Verdict) {
	g.update(func() { g.revision++; g.verdicts = v })
}

// cut resets every flow.
func (g *gateway) cut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, e := range g.known {
		e.Reset(errors.New("cut"))
	}
}

// lapse ends every flow, as a verdict that ends does: the client is told where it
// is there.
func (g *gateway) lapse() {
	g.cut()
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, stop := range g.stops {
		time.AfterFunc(time.Second, stop)
	}
}

// count reads one of its counters.
func (g *gateway) count(of func() int) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return of()
}

// left is how many flows it has.
func (g *gateway) left() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.known)
}

// seen are the tokens posted and put, and how many flows were opened.
func (g *gateway) seen() (posts, puts []wire.SessionRequest, opened int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.posts), slices.Clone(g.puts), g.opened
}

// reach says how to reach the application.
func (g *gateway) reach(dial func(string) (appConn, error)) { g.update(func() { g.dial = dial }) }

func (g *gateway) serve(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodConnect && strings.HasPrefix(r.URL.Path, "/.well-known/masque/udp/"):
		g.connectUDP(w, r)
	case r.Method == http.MethodConnect:
		g.connect(w, r)
	case r.URL.Path == wire.PathDataCarrier:
		g.update(func() { g.joins++ })
		w.WriteHeader(http.StatusNoContent)
	case r.URL.Path == wire.PathDataEcho:
		wire.WriteJSON(w, http.StatusOK, wire.EchoReply{RTT: wire.Duration(time.Millisecond)})
	case r.URL.Path == wire.PathDataDevice && r.Method == http.MethodPut:
		g.device(w, r)
	case r.URL.Path != wire.PathDataSession:
		(&wire.Problem{Code: wire.CodeNotFound, Status: 404, Title: "no such path"}).Write(w)
	case r.Method == http.MethodPost:
		g.session(w, r)
	case r.Method == http.MethodPut:
		var req wire.SessionRequest
		if err := wire.ReadJSON(r.Body, &req); err != nil {
			g.t.Error(err)
		}
		var mute bool
		g.update(func() { g.puts = append(g.puts, req); mute = g.mute })
		if mute {
			<-r.Context().Done()
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

func (g *gateway) device(w http.ResponseWriter, r *http.Request) {
	var req wire.DeviceReport
	if err := wire.ReadJSON(r.Body, &req); err != nil {
		g.t.Error(err)
	}
	var refuse *wire.Problem
	var mute bool
	g.update(func() { g.devices = append(g.devices, req.Claims); refuse, mute = g.noDevice, g.mute })
	switch {
	case mute:
		<-r.Context().Done()
	case refuse != nil:
		p := *refuse
		p.Write(w)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

// reported are the device claims put since the last call.
func (g *gateway) reported() []wire.DeviceClaims {
	g.mu.Lock()
	defer g.mu.Unlock()
	got := g.devices
	g.devices = nil
	return got
}

func (g *gateway) session(w http.ResponseWriter, r *http.Request) {
	var req wire.SessionRequest
	if err := wire.ReadJSON(r.Body, &req); err != nil {
		g.t.Error(err)
	}
	var refuse *wire.Problem
	g.update(func() {
		if n := len(g.posts); n > 0 && g.posts[n-1].Instance != req.Instance { // another client process
			for _, stop := range g.stops {
				stop()
			}
		}
		g.posts = append(g.posts, req)
		refuse = g.refuse
	})
	if refuse != nil {
		p := *refuse
		p.Write(w)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	w.(http.Flusher).Flush()
	g.mu.Lock()
	drops := g.drops
	g.mu.Unlock()
	if drops {
		time.Sleep(rtt)
		if c, ok := r.Context().Value(connKey{}).(*quic.Conn); ok {
			c.CloseWithError(0, "dropped")
		}
		return
	}
	sent := uint64(0)
	for {
		g.mu.Lock()
		changed, revision, ended := g.changed, g.revision, g.ended
		v := wire.Verdicts{Revision: revision, At: time.Now().Add(g.skew), Verdicts: g.verdicts}
		g.mu.Unlock()
		if revision > sent {
			g.event(w, wire.EventVerdicts, v)
			sent = revision
		}
		if ended != nil {
			g.event(w, wire.EventEnded, ended)
			return
		}
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		}
	}
}

func (g *gateway) event(w http.ResponseWriter, name string, v any) {
	e, err := wire.NewEvent("", name, v)
	if err != nil {
		g.t.Error(err)
	}
	e.WriteTo(w)
	w.(http.Flusher).Flush()
}

// connect judges by the first verdict, after the session.
func (g *gateway) connect(w http.ResponseWriter, r *http.Request) {
	for {
		g.mu.Lock()
		changed, posts, verdicts, slow, refuse := g.changed, len(g.posts), g.verdicts, g.slow, g.refuse
		g.mu.Unlock()
		if posts == 0 {
			<-changed
			continue
		}
		time.Sleep(slow)
		if refuse != nil {
			p := *refuse
			p.Write(w)
			return
		}
		h, err := flows.ParseHeader(r.Header.Get(wire.HeaderFlow))
		if err != nil {
			(&wire.Problem{Code: wire.CodeBadRequest, Status: 400, Title: "no flow"}).Write(w)
			return
		}
		var refusal *wire.Problem
		if len(verdicts) > 0 && !verdicts[0].Allow {
			refusal = &wire.Problem{Code: wire.CodeDenied, Status: 403, Title: "denied", Verdict: &verdicts[0]}
		}
		if h.Epoch == 1 {
			g.first(w, r, h, refusal)
		} else {
			g.again(w, r, h, refusal)
		}
		return
	}
}

// first opens a flow.
func (g *gateway) first(w http.ResponseWriter, r *http.Request, h flows.Header, refusal *wire.Problem) {
	if refusal != nil {
		refusal.Write(w)
		return
	}
	g.mu.Lock()
	dial := g.dial
	g.mu.Unlock()
	app, err := dial(r.Host)
	if err != nil {
		(&wire.Problem{Code: wire.CodeAppRefused, Status: 502, Title: "the application refused", Detail: err.Error()}).Write(w)
		return
	}
	e := flows.New(flows.Options{App: app, Pending: func() { g.update(func() { g.woken++ }) }})
	ctx, stop := context.WithCancel(g.ctx)
	g.update(func() { g.opened++; g.known[h.ID] = e; g.stops[h.ID] = stop })
	g.wg.Go(func() {
		e.Run(ctx)
		stop()
		g.update(func() { delete(g.known, h.ID); delete(g.stops, h.ID) })
	})
	g.attach(w, r, e, h)
}

// again goes on with one.
func (g *gateway) again(w http.ResponseWriter, r *http.Request, h flows.Header, refusal *wire.Problem) {
	g.mu.Lock()
	e := g.known[h.ID]
	g.mu.Unlock()
	switch {
	case e == nil:
		g.update(func() { g.gone++ })
		(&wire.Problem{Code: wire.CodeFlowGone, Status: 410, Title: "the flow is not known"}).Write(w)
	case refusal != nil:
		e.Reset(errors.New("denied"))
		refusal.Write(w)
	default:
		g.update(func() { g.resumed++ })
		g.attach(w, r, e, h)
	}
}

func (g *gateway) attach(w http.ResponseWriter, r *http.Request, e *flows.End, h flows.Header) {
	received, err := e.Prepare(h.Epoch)
	if err == nil {
		err = e.Check(h.Epoch, h.Received)
	}
	if err != nil {
		status, code := 400, wire.CodeBadRequest
		if errors.Is(err, flows.ErrEnded) {
			status, code = 410, wire.CodeFlowGone
		}
		if status == 400 {
			g.t.Errorf("epoch %d, received %d: %v", h.Epoch, h.Received, err)
		}
		(&wire.Problem{Code: code, Status: status, Title: err.Error()}).Write(w)
		return
	}
	w.Header().Set(wire.HeaderFlow, flows.Header{ID: h.ID, Epoch: h.Epoch, Received: received}.String())
	w.WriteHeader(http.StatusOK)
	s := &body{w: w, r: r, rc: http.NewResponseController(w), over: make(chan struct{})}
	if taker, ok := w.(http3.HTTPStreamer); ok {
		if s.h3, err = taker.HTTPStream(); err != nil {
			e.Detach(h.Epoch)
			return
		}
	} else {
		s.rc.Flush()
	}
	stop := context.AfterFunc(r.Context(), func() {
		s.mu.Lock()
		ended := s.ended // which ends the request's context too
		s.mu.Unlock()
		if !ended {
			s.Abort()
		}
	})
	defer stop()
	e.Attach(s, h.Epoch, h.Received)
	<-s.over
	s.using.Wait()
	s.mu.Lock()
	lost := s.lost && s.h3 == nil
	s.mu.Unlock()
	if lost {
		panic(http.ErrAbortHandler)
	}
}

type writerOnly struct{ io.Writer }

// dialTCP reaches an application on a real socket.
func dialTCP(authority string) (appConn, error) {
	c, err := net.Dial("tcp4", authority)
	if err != nil {
		return nil, err
	}
	return c.(*net.TCPConn), nil
}

// echo answers each byte with itself and each end with an end.
func echo(c appConn) {
	io.Copy(writerOnly{c}, c)
	c.CloseWrite()
	c.Close()
}

// running is a data plane at work, and the last facts it reported.
type running struct {
	*Dataplane
	t      testing.TB
	cancel context.CancelFunc
	done   chan struct{}

	mu      sync.Mutex
	facts   session.DataplaneFacts
	reports int
	limit   time.Duration
	changed chan struct{}
}

func startPlane(t testing.TB, d *Dataplane) *running {
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{Dataplane: d, t: t, cancel: cancel, done: make(chan struct{}), changed: make(chan struct{}), limit: 30 * time.Second}
	go func() {
		defer close(r.done)
		err := d.Run(ctx, func(f session.DataplaneFacts) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.facts = f
			r.reports++
			close(r.changed)
			r.changed = make(chan struct{})
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("Run returned %v", err)
		}
	}()
	return r
}

func (r *running) stop() {
	r.cancel()
	<-r.done
}

// until waits until the facts are as ok wants them.
func (r *running) until(what string, ok func(session.DataplaneFacts) bool) session.DataplaneFacts {
	r.t.Helper()
	limit := time.After(r.limit)
	for {
		r.mu.Lock()
		f, changed := r.facts, r.changed
		r.mu.Unlock()
		if ok(f) {
			return f
		}
		select {
		case <-changed:
		case <-limit:
			r.t.Fatalf("never came: %s; the facts are %+v", what, f)
		}
	}
}

func (r *running) state(s session.ChannelState) session.DataplaneFacts {
	r.t.Helper()
	return r.until("state "+strconv.Quote(string(s)), func(f session.DataplaneFacts) bool { return f.Sites["site"].State == s })
}

// config is one site with one gateway and one application.
func config(p *pki, gatewayAddr, host string, port uint16) session.Wanted {
	return session.Wanted{
		Allowed: true, Session: "session1", Identity: p.device,
		Sites: []session.WantedSite{{
			ID: "site", Gateways: []wire.Gateway{{Name: "gw1", Address: gatewayAddr}},
			ClaimsToken: "claims1", EntitlementToken: "ent1",
		}},
		Apps: []session.WantedApp{{ID: "app", Site: "site", Entitlement: "e1", Host: host, Port: port}},
	}
}

var allow = wire.Verdict{Entitlement: "e1", Allow: true, Decision: "d-allow"}

func deny(ask ...wire.Interaction) wire.Verdict {
	return wire.Verdict{Entitlement: "e1", Decision: "d-deny", Reason: wire.Reason{Kind: wire.ReasonMFA, Detail: "a code is too old"}, Interactions: ask}
}
