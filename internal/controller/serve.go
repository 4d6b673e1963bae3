package controller

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"golang.org/x/sync/errgroup"
)

// sockets are what Listen opens: TCP and UDP on one port, and the admin socket;
// or UDP alone, where it was handed in.
type sockets struct {
	tcp   net.Listener
	udp   net.PacketConn // nil where UDP is disabled
	admin net.Listener
}

func (s *sockets) addr() net.Addr {
	if s.tcp == nil {
		return s.udp.LocalAddr()
	}
	return s.tcp.Addr()
}

func (s *sockets) close() error {
	errs := []error{s.tcp.Close()}
	if s.udp != nil {
		errs = append(errs, s.udp.Close())
	}
	if s.admin != nil {
		errs = append(errs, s.admin.Close())
	}
	return errors.Join(errs...)
}

// Listen opens the controller's sockets; from then on Addr tells where. Run
// does it where it has not been done. Who calls Listen must call Run.
func (c *Controller) Listen() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sockets != nil {
		return nil
	}
	if c.conn != nil {
		c.sockets = &sockets{udp: c.conn}
		return nil
	}
	s, err := c.bind(c.config().Listen)
	if err != nil {
		return fmt.Errorf("controller: %w", err)
	}
	if s.admin, err = listenAdmin(c.AdminSocket()); err != nil {
		return errors.Join(fmt.Errorf("controller: %w", err), s.close())
	}
	c.sockets = s
	return nil
}

// bind takes one port of TCP and of UDP. A free TCP port may be taken in UDP,
// so port 0 is tried a few times.
func (c *Controller) bind(addr string) (*sockets, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	for try := 0; ; try++ {
		tcp, err := net.Listen("tcp", addr)
		if err != nil {
			return nil, fmt.Errorf("listen: %w", err)
		}
		s := &sockets{tcp: tcp}
		if c.noUDP {
			return s, nil
		}
		udp, err := net.ListenPacket("udp", net.JoinHostPort(host, fmt.Sprint(tcp.Addr().(*net.TCPAddr).Port)))
		if err == nil {
			s.udp = udp
			return s, nil
		}
		tcp.Close()
		if port != "0" || try == 8 {
			return nil, fmt.Errorf("listen: %w", err)
		}
	}
}

func (c *Controller) tlsConfig() *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		GetCertificate:         c.authority.serverCertificate,
		ClientCAs:              c.authority.pool,
		ClientAuth:             tls.VerifyClientCertIfGiven,
		SessionTicketsDisabled: true, // whoever was revoked proves itself anew, in vain
		NextProtos:             []string{"h2", "http/1.1"},
	}
}

// Run serves until ctx ends, and returns when all that it started has ended;
// nil unless something broke. It may be called once.
func (c *Controller) Run(ctx context.Context) error {
	if err := c.Listen(); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	g, ctx := errgroup.WithContext(ctx)
	handler := c.handler()
	var servers []server
	if c.sockets.tcp != nil {
		control, admin := c.httpServer(handler), c.adminServer()
		servers = append(servers, control, admin)
		g.Go(func() error { return served(control.ServeTLS(c.admission.Listener(c.sockets.tcp), "", "")) })
		g.Go(func() error { return served(admin.Serve(c.sockets.admin)) })
	}
	var transport *quic.Transport
	if c.sockets.udp != nil {
		reset := quic.StatelessResetKey(c.authority.reset)
		transport = &quic.Transport{Conn: c.sockets.udp, StatelessResetKey: &reset, VerifySourceAddress: c.admission.VerifySourceAddress, ConnContext: c.admission.ConnContext}
		h3 := &http3.Server{Handler: handler, MaxHeaderBytes: maxHeader, IdleTimeout: idleTimeout, ConnContext: withConnection, Logger: slog.New(slog.DiscardHandler)}
		servers = append(servers, h3)
		l, err := transport.ListenEarly(http3.ConfigureTLSConfig(c.tlsConfig()), &quic.Config{
			MaxIncomingStreams: maxStreams, MaxIncomingUniStreams: 8, MaxIdleTimeout: time.Minute,
		})
		if err != nil {
			stop()
			g.Go(func() error { return fmt.Errorf("listen for QUIC: %w", err) })
		} else {
			g.Go(func() error { return served(h3.ServeListener(l)) })
		}
	}
	g.Go(func() error { return c.watch(ctx) })
	g.Go(func() error {
		<-ctx.Done()
		return c.shutdown(servers, transport)
	})
	c.log.Info("controller listens", "address", c.Addr(), "public", c.PublicAddr(), "udp", c.sockets.udp != nil)
	if err := errors.Join(g.Wait(), c.auditFile.close()); err != nil {
		return fmt.Errorf("controller: %w", err)
	}
	return nil
}

const (
	maxHeader   = 16 << 10
	maxStreams  = 64
	idleTimeout = 2 * time.Minute
)

func (c *Controller) httpServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		TLSConfig:         c.tlsConfig(),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
		ErrorLog:          slog.NewLogLogger(c.log.Handler(), slog.LevelDebug),
	}
}

type server interface {
	Shutdown(context.Context) error
	Close() error
}

// shutdown lets requests end, which event streams do at once, and closes.
func (c *Controller) shutdown(servers []server, transport *quic.Transport) error {
	close(c.closing)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for _, s := range servers {
		wg.Go(func() {
			if s.Shutdown(ctx) != nil {
				s.Close()
			}
		})
	}
	wg.Wait()
	c.requests.Lock() // a server that was closed leaves those behind that it serves
	if transport == nil {
		return nil
	}
	return errors.Join(transport.Close(), c.sockets.udp.Close())
}

// served turns the end of a server that was asked to end into none.
func served(err error) error {
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, quic.ErrServerClosed) || errors.Is(err, net.ErrClosed) || errors.Is(err, quic.ErrTransportClosed) {
		return nil
	}
	return err
}
