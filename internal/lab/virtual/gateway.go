package virtual

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"github.com/tidegate/tidegate/internal/gateway"
	"github.com/tidegate/tidegate/session"
	"github.com/tidegate/tidegate/session/control"
)

// gatewayPart is the gateway with what lies behind it.
type gatewayPart struct {
	*gateway.Gateway
	host *host
}

func (l *Lab) startGateway(name, addr string) {
	l.t.Helper()
	g := &gatewayPart{host: l.network.host(addr)}
	l.gateways = append(l.gateways, g)
	state := filepath.Join(l.dir, name)
	key, enrolled := l.enrolGateway(name, g.host, state)
	up := l.overUDP(g.host, key, enrolled)
	var err error
	g.Gateway, err = gateway.New(gateway.Options{
		Config:     gateway.Config{Name: name, Site: Site, State: state},
		Log:        l.o.Log,
		PacketConn: g.host.listen(gatewayPort),
		Uplink:     up,
		Resolve:    l.Resolver.lookup,
		Dial:       g.dial,
	})
	if err != nil {
		l.t.Fatal(err)
	}
	if err := g.Listen(); err != nil {
		l.t.Fatal(err)
	}
	l.run(g.Run)
}

// LoseGateway takes the first gateway off the network for good, as a machine
// that fails.
func (l *Lab) LoseGateway() { l.gateways[0].host.cut(true) }

// LoseGatewaysOf takes the way between a client and all gateways away.
func (l *Lab) LoseGatewaysOf(c *Client) {
	for _, g := range l.gateways {
		c.host.lose(g.host)
	}
}

// enrolGateway enrols the gateway as it does itself over TCP, and leaves in its
// folder what that leaves.
func (l *Lab) enrolGateway(name string, h *host, state string) (*ecdsa.PrivateKey, session.Enrolled) {
	l.t.Helper()
	link, err := l.controller.NewGatewayEnrolment(l.t.Context(), name)
	if err != nil {
		l.t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		l.t.Fatal(err)
	}
	e, err := h.control().Enrol(l.t.Context(), link, key)
	if err != nil {
		l.t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		l.t.Fatal(err)
	}
	identity, err := json.Marshal(map[string]any{"controller": e.Controller, "device": e.Device, "certificate": e.Certificate, "ca": e.CA})
	if err != nil {
		l.t.Fatal(err)
	}
	if err := errors.Join(os.MkdirAll(state, 0o700),
		os.WriteFile(filepath.Join(state, "key.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600),
		os.WriteFile(filepath.Join(state, "gateway.json"), identity, 0o600)); err != nil {
		l.t.Fatal(err)
	}
	return key, e
}

// control reaches controllers from a host of the network, where TCP is refused.
func (h *host) control() *control.Controller {
	return &control.Controller{
		ListenPacket: func() (net.PacketConn, error) { return h.listen(0), nil },
		DialTCP: func(context.Context, string, string) (net.Conn, error) {
			return nil, errors.New("this network carries no TCP")
		},
	}
}

// overUDP carries requests to the controller by HTTP/3, with the certificate of
// a key; none where key is nil.
func (l *Lab) overUDP(h *host, key *ecdsa.PrivateKey, e session.Enrolled) http.RoundTripper {
	l.t.Helper()
	conf := &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: x509.NewCertPool()}
	ca, err := x509.ParseCertificate(l.controller.CA())
	if err != nil {
		l.t.Fatal(err)
	}
	conf.RootCAs.AddCert(ca)
	if key != nil {
		cert := tls.Certificate{PrivateKey: key}
		for block, rest := pem.Decode([]byte(e.Certificate)); block != nil; block, rest = pem.Decode(rest) {
			cert.Certificate = append(cert.Certificate, block.Bytes)
		}
		conf.Certificates = []tls.Certificate{cert}
	}
	t := &quic.Transport{Conn: h.listen(0)}
	up := &http3.Transport{TLSClientConfig: conf, Dial: func(ctx context.Context, addr string, c *tls.Config, q *quic.Config) (*quic.Conn, error) {
		to, err := netip.ParseAddrPort(addr)
		if err != nil {
			return nil, err
		}
		return t.DialEarly(ctx, net.UDPAddrFromAddrPort(to), c, q)
	}}
	l.t.Cleanup(func() {
		up.Close()
		t.Close()
		t.Conn.Close()
	})
	return up
}

// dial connects to an application that echoes, wherever it is.
func (g *gatewayPart) dial(_ context.Context, _, address string) (net.Conn, error) {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, err
	}
	near, far := connected(netip.AddrPortFrom(g.host.addr, 50000), to)
	go func() {
		io.Copy(far, far)
		far.CloseWrite()
	}()
	return near, nil
}
