package gateway

//lint:file-ignore SA1019 net/http keeps the window of an HTTP/2 connection under 4 MiB, and x/net does not

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"golang.org/x/net/http2"

	"github.com/tidegate/tidegate/internal/records"
	"github.com/tidegate/tidegate/internal/udpsocket"
)

const (
	// idleTimeout is how long a connection may say nothing: nobody sends keep-alives, so
	// that a channel without payload is silent.
	idleTimeout = 24 * time.Hour
	// maxStreams is how many requests a connection may have open.
	maxStreams = 10_000
	// headerTimeout bounds the handshake of a TCP connection, and each request's
	// header on HTTP/1.1.
	headerTimeout = 10 * time.Second
	// stuckTimeout is how long a TCP connection may take not a byte.
	stuckTimeout = time.Minute
	// A flow whose application does not read holds a stream's window, and many such
	// do not use up the connection's, on HTTP/2 and HTTP/3.
	h2StreamWindow   = 3 << 19
	connectionWindow = 64 << 20
	// h2Frame is the largest frame that is read. Clients keep a buffer of that size
	// for each flow, as long as it lasts; larger frames are no faster. With its head
	// it fills two records of TLS.
	h2Frame = 32<<10 - 9
)

// Listen opens the UDP socket and, on the same port, the TCP socket. It is
// called once, before Run.
func (g *Gateway) Listen() error {
	if g.conn == nil {
		if err := g.bind(); err != nil {
			return fmt.Errorf("listen: %w", err)
		}
	}
	return nil
}

// bind tries a few times where the port is the system's to choose: what is free
// in UDP may be taken in TCP.
func (g *Gateway) bind() error {
	a, err := g.config.listenAddr()
	if err != nil {
		return err
	}
	for try := 0; ; try++ {
		c, err := udpsocket.Listen("udp", a)
		if err != nil {
			return err
		}
		if g.listener != nil {
			g.conn = c
			return nil
		}
		at := c.LocalAddr().(*net.UDPAddr)
		// The system's keep-alives end what a peer has left without a word.
		lc := net.ListenConfig{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 10 * time.Minute, Interval: time.Minute, Count: 5}}
		g.listener, err = lc.Listen(context.Background(), "tcp", net.JoinHostPort(hostOf(a), fmt.Sprint(at.Port)))
		if err == nil {
			g.conn = c
			return nil
		}
		c.Close()
		if a.Port != 0 || try == 8 {
			return err
		}
	}
}

// hostOf is the host that a listens on; empty: all addresses.
func hostOf(a *net.UDPAddr) string {
	if a.IP == nil {
		return ""
	}
	return (&net.IPAddr{IP: a.IP, Zone: a.Zone}).String()
}

// Addr is the address that Listen opened, with its port.
func (g *Gateway) Addr() net.Addr { return g.conn.LocalAddr() }

func (g *Gateway) closeSockets() {
	g.conn.Close()
	if g.listener != nil {
		g.listener.Close()
	}
}

// server is one lane's.
type server interface {
	// serve returns when the server has been closed; nil, or what broke.
	serve() error
	// Shutdown has clients open nothing more and waits for their requests; Close
	// ends their connections.
	Shutdown(ctx context.Context) error
	Close() error
}

// serve runs the lanes until leave is closed and the flows had their time.
func (g *Gateway) serve(leave <-chan struct{}, id *identity, reset quic.StatelessResetKey) error {
	h3, err := g.quicServer(id, reset)
	if err != nil {
		return err
	}
	defer h3.release()
	servers := []server{h3}
	congestion := "none"
	if g.listener != nil {
		congestion = preferBBR(g.listener)
		tcp, err := g.tcpServer(id)
		if err != nil {
			return err
		}
		servers = append(servers, tcp)
	}
	g.log.Info("serving", "gateway", g.config.Name, "site", g.config.Site, "address", g.conn.LocalAddr().String(), "tcp_congestion", congestion)

	broken := make(chan error, len(servers))
	var wg sync.WaitGroup
	for _, s := range servers {
		wg.Go(func() {
			if err := s.serve(); err != nil {
				broken <- fmt.Errorf("serve: %w", err)
			}
		})
	}
	told := func() {}
	select {
	case <-leave:
		told = g.drain(servers)
	case err = <-broken:
	}
	g.gate.close()
	g.endSessions()
	told()
	for _, s := range servers {
		s.Close()
	}
	wg.Wait()
	g.gate.wait()
	g.endSessions() // those that began meanwhile
	g.registry.living.Wait()
	g.guests.Wait()
	return err
}

// h3Server is the lane of HTTP/3.
type h3Server struct {
	http3.Server
	transport *quic.Transport
	listener  *quic.EarlyListener
}

func (g *Gateway) quicServer(id *identity, reset quic.StatelessResetKey) (*h3Server, error) {
	tr := &quic.Transport{Conn: g.conn, StatelessResetKey: &reset, VerifySourceAddress: g.limiter.VerifySourceAddress, ConnContext: g.limiter.ConnContext}
	ln, err := tr.ListenEarly(http3.ConfigureTLSConfig(newStrikes(g.now).configure(id.serverTLS())), quicConfig())
	if err != nil {
		tr.Close()
		return nil, fmt.Errorf("listen: %w", err)
	}
	return &h3Server{transport: tr, listener: ln, Server: http3.Server{
		Handler:         g,
		MaxHeaderBytes:  16 << 10,
		EnableDatagrams: true,
		Logger:          slog.New(slog.DiscardHandler),
		ConnContext: func(ctx context.Context, c *quic.Conn) context.Context {
			ctx = WithCarrier(ctx)
			return withConnection(ctx, connection{secured: c.HandshakeComplete(), gone: ctx.Done(), guest: &guest{},
				silence: g.listenTo(ctx, &h3Pulse{conn: c}, ctx.Done(), func() { endH3(c) })})
		},
	}}, nil
}

func (s *h3Server) serve() error {
	err := s.ServeListener(s.listener)
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// Shutdown refuses new connections first: ServeListener only stops to take them.
func (s *h3Server) Shutdown(ctx context.Context) error {
	s.listener.Close()
	return s.Server.Shutdown(ctx)
}

func (s *h3Server) release() {
	s.listener.Close()
	s.transport.Close()
}

// quicConfig lets a quiet flow live for a day without a packet, and new flows
// begin before the handshake is complete.
func quicConfig() *quic.Config {
	return &quic.Config{
		MaxIdleTimeout:                 idleTimeout,
		MaxIncomingStreams:             maxStreams,
		InitialStreamReceiveWindow:     1 << 20,
		MaxStreamReceiveWindow:         16 << 20,
		InitialConnectionReceiveWindow: connectionWindow,
		MaxConnectionReceiveWindow:     connectionWindow,
		Allow0RTT:                      true,
		EnableDatagrams:                true,
	}
}

// tcpServer is the lane of HTTP/2 and HTTP/1.1.
type tcpServer struct {
	http.Server
	listener net.Listener
}

func (g *Gateway) tcpServer(id *identity) (*tcpServer, error) {
	conf := id.serverTLS()
	conf.SessionTicketsDisabled = true // a handshake costs no round trip more without
	ends := connectionEnds{open: map[net.Conn]context.CancelFunc{}}
	s := &tcpServer{listener: recordListener{g.limiter.Listener(g.listener)}, Server: http.Server{
		Handler:           g,
		TLSConfig:         conf,
		MaxHeaderBytes:    48 << 10, // a foreign client's tokens are in it
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		ErrorLog:          log.New(io.Discard, "", 0),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			ctx = WithCarrier(ctx)
			gone := ends.begin(ctx, c)
			return withConnection(ctx, connection{gone: gone, guest: &guest{}, silence: g.listenTo(ctx, pulseOf(c), gone, func() { abortTLS(c) })})
		},
		ConnState: ends.state,
	}}
	h2 := &http2.Server{
		MaxConcurrentStreams:         maxStreams,
		MaxReadFrameSize:             h2Frame,
		MaxUploadBufferPerConnection: connectionWindow,
		MaxUploadBufferPerStream:     h2StreamWindow,
		IdleTimeout:                  idleTimeout,
		WriteByteTimeout:             stuckTimeout,
	}
	if err := http2.ConfigureServer(&s.Server, h2); err != nil {
		return nil, fmt.Errorf("configure HTTP/2: %w", err)
	}
	s.TLSNextProto[http2.NextProtoTLS] = func(hs *http.Server, c *tls.Conn, h http.Handler) { serveH2(h2, hs, c, h) }
	return s, nil
}

func (s *tcpServer) serve() error {
	if err := s.ServeTLS(s.listener, "", ""); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// recordListener is one whose connections send TLS records together.
type recordListener struct{ net.Listener }

func (l recordListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &records.Conn{Conn: c}, nil
}

// together is TLS on such a connection.
type together struct {
	*tls.Conn
	below *records.Conn
}

func (t together) Write(b []byte) (int, error) { return t.below.Together(t.Conn, b) }

// serveH2 does what http2.ConfigureServer has a server do with a connection; the
// context comes with the handler, as it does there.
func serveH2(h2 *http2.Server, hs *http.Server, c *tls.Conn, h http.Handler) {
	opts := &http2.ServeConnOpts{Handler: h, BaseConfig: hs}
	if b, ok := h.(interface{ BaseContext() context.Context }); ok {
		opts.Context = b.BaseContext()
	}
	h2.ServeConn(together{c, c.NetConn().(*records.Conn)}, opts)
}
