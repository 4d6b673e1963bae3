package tunnel

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	flows "github.com/tidegate/tidegate/internal/flow"
	_ "github.com/tidegate/tidegate/internal/gateway/xconnect" // a CONNECT-UDP on HTTP/2
	"github.com/tidegate/tidegate/internal/wire"
)

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
	since    time.Time // of its sessions
	run      string
	changed  chan struct{} // closed with each change
	joins    int
	resumed  int
	gone     int           // resumptions of flows that are not known
	woken    int           // flows that have something to say while they are parked
	slow     time.Duration // each answer to a CONNECT
	known    map[flows.ID]*flows.End
	past     map[flows.ID]bool // flows that are over, and those that were asked for and not known
	stops    map[flows.ID]context.CancelFunc
}

// connKey is a request's QUIC connection's in its context.
type connKey struct{}

// start serves on socket.
func startGateway(t testing.TB, p *pki, socket net.PacketConn, resetKey *quic.StatelessResetKey) *gateway {
	t.Helper()
	g := &gateway{t: t, socket: socket, changed: make(chan struct{}), since: time.Now().UTC(), run: rand.Text(), known: map[flows.ID]*flows.End{}, past: map[flows.ID]bool{}, stops: map[flows.ID]context.CancelFunc{}}
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
		v := wire.Verdicts{Revision: revision, At: time.Now().Add(g.skew), Since: g.since, Run: g.run, Verdicts: g.verdicts}
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
