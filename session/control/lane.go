package control

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"github.com/tidegate/tidegate/internal/underlay"
)

// The names of the lanes.
const (
	laneH3 = "h3"
	laneH2 = "h2"
)

// headStart is what HTTP/3 has over HTTP/2 (compare RFC 8305, section 5).
const headStart = 250 * time.Millisecond

// lastWords is how long HTTP/3 is still waited for once TCP was refused: QUIC
// does not learn that nobody listens, and would try for seconds.
const lastWords = time.Second

// How a connection is found dead that says nothing any more: a network that
// begins to drop UDP, a NAT that forgot us, a cable. An idle QUIC connection
// sends a PING each aliveEvery, and is given up deadAfter the first that
// stays unanswered: within ten to fifteen seconds, for two small packets every
// five. The ride-through begins then, and is not spent on noticing.
const (
	aliveEvery = 5 * time.Second
	deadAfter  = 2 * aliveEvery
)

// lane is one connection to the controller.
type lane struct {
	name  string
	trip  http.RoundTripper
	alive func() bool
	close func()
}

// race opens lanes.
type race struct {
	tls    *tls.Config
	noQUIC bool
	listen func() (net.PacketConn, error)                          // nil: a UDP socket
	dial   func(context.Context, string, string) (net.Conn, error) // nil: TCP
	// underlay is of both where they are nil.
	underlay *underlay.Underlay
}

// run returns the first lane to stand: HTTP/3 at once, HTTP/2 after its head
// start or as soon as HTTP/3 has failed. The loser is closed.
func (r *race) run(ctx context.Context, addr string) (*lane, error) {
	if r.noQUIC {
		return r.h2(ctx, addr)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type result struct {
		lane *lane
		err  error
	}
	results := make(chan result, 2)
	start := func(dial func(context.Context, string) (*lane, error)) {
		go func() {
			l, err := dial(ctx, addr)
			results <- result{l, err}
		}()
	}
	start(r.h3)
	late := time.NewTimer(headStart)
	defer late.Stop()
	running, second := 1, false
	var errs []error
	for running > 0 {
		select {
		case <-late.C:
		case res := <-results:
			running--
			if res.err == nil {
				cancel()
				if running > 0 {
					if loser := <-results; loser.lane != nil {
						loser.lane.close()
					}
				}
				return res.lane, nil
			}
			errs = append(errs, res.err)
			if running > 0 && second {
				stop := time.AfterFunc(lastWords, cancel)
				defer stop.Stop()
			}
		}
		if !second {
			second = true
			running++
			start(r.h2)
		}
	}
	return nil, errors.Join(errs...)
}

func (r *race) h3(ctx context.Context, addr string) (*lane, error) {
	udp, err := resolve(ctx, addr)
	if err != nil {
		return nil, fmt.Errorf("find the controller: %w", err)
	}
	sock, err := r.socket(udp.AddrPort().Addr())
	if err != nil {
		return nil, fmt.Errorf("open a UDP socket: %w", err)
	}
	qt := &quic.Transport{Conn: sock}
	conn, err := qt.Dial(ctx, udp, http3.ConfigureTLSConfig(r.tls), &quic.Config{
		HandshakeIdleTimeout: 5 * time.Second,
		KeepAlivePeriod:      aliveEvery,
		MaxIdleTimeout:       deadAfter,
	})
	if err != nil {
		qt.Close()
		sock.Close()
		return nil, fmt.Errorf("reach the controller over QUIC: %w", err)
	}
	t := &http3.Transport{DisableCompression: true}
	return &lane{
		name:  laneH3,
		trip:  t.NewClientConn(conn),
		alive: func() bool { return conn.Context().Err() == nil },
		close: func() {
			conn.CloseWithError(quic.ApplicationErrorCode(http3.ErrCodeNoError), "")
			qt.Close()
			t.Close()
			sock.Close()
		},
	}, nil
}

// socket opens one to send to an address from. It is bound to none of ours, so that
// it roams.
func (r *race) socket(to netip.Addr) (net.PacketConn, error) {
	if r.listen != nil {
		return r.listen()
	}
	c, err := net.ListenUDP("udp", nil)
	if err != nil {
		return nil, err
	}
	r.underlay.Hold(c, to)
	return c, nil
}

// resolve finds the address to send to, IPv4 where there is a choice, as
// net.Dial of UDP does. It ends with ctx.
func resolve(ctx context.Context, addr string) (*net.UDPAddr, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	n, err := net.DefaultResolver.LookupPort(ctx, "udp", port)
	if err != nil {
		return nil, err
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	best := ips[0].Unmap()
	for _, ip := range ips {
		if ip = ip.Unmap(); ip.Is4() {
			best = ip
			break
		}
	}
	return net.UDPAddrFromAddrPort(netip.AddrPortFrom(best, uint16(n))), nil
}

// connect opens a TCP connection.
func (r *race) connect(ctx context.Context, network, addr string) (net.Conn, error) {
	return r.underlay.DialTCP(ctx, net.Dialer{Timeout: 10 * time.Second}, network, addr)
}

func (r *race) h2(ctx context.Context, addr string) (*lane, error) {
	cfg := r.tls.Clone()
	cfg.NextProtos = []string{"h2"}
	dial := r.dial
	if dial == nil {
		dial = r.connect
	}
	t := &http.Transport{TLSClientConfig: cfg, Protocols: new(http.Protocols), DisableCompression: true,
		DialContext: dial,
		HTTP2:       &http.HTTP2Config{SendPingTimeout: deadAfter, PingTimeout: aliveEvery}}
	t.Protocols.SetHTTP2(true)
	conn, err := t.NewClientConn(ctx, "https", addr)
	if err != nil {
		return nil, fmt.Errorf("reach the controller over TCP: %w", err)
	}
	return &lane{
		name:  laneH2,
		trip:  conn,
		alive: func() bool { return conn.Err() == nil },
		close: func() { conn.Close() },
	}, nil
}
