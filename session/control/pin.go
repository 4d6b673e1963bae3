package control

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"sync"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// pin knows the controller: by its CA's certificate once enrolled, by the
// CA's fingerprint before. No other authority vouches for it.
type pin struct {
	ca          []byte             // DER
	fingerprint *[sha256.Size]byte // while ca is not known

	mu sync.Mutex
	at []byte // the CA that the fingerprint led to
}

// errOther is what a controller with another CA leads to.
func errOther(addr string) error {
	return &wire.Problem{Code: wire.CodeFingerprint, Title: "whoever answers at " + addr + " is not your controller"}
}

// config is for a connection to addr. Certificates are verified by
// VerifyConnection against the pinned CA alone, which is what
// InsecureSkipVerify leaves to us.
func (p *pin) config(addr string) *tls.Config {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		host = addr
	}
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		ServerName:         host,
		InsecureSkipVerify: true,
		VerifyConnection:   func(cs tls.ConnectionState) error { return p.verify(addr, host, cs) },
	}
}

func (p *pin) verify(addr, host string, cs tls.ConnectionState) error {
	if len(cs.PeerCertificates) == 0 {
		return errOther(addr)
	}
	ca := p.authority(cs.PeerCertificates)
	if ca == nil {
		return errOther(addr)
	}
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(ca)
	for _, c := range cs.PeerCertificates[1:] {
		between.AddCert(c)
	}
	_, err := cs.PeerCertificates[0].Verify(x509.VerifyOptions{DNSName: host, Roots: roots, Intermediates: between,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	if err != nil {
		return fmt.Errorf("%w: %w", &wire.Problem{Code: wire.CodeFingerprint, Title: "the certificate of " + addr + " is not good"}, err)
	}
	for _, u := range cs.PeerCertificates[0].URIs {
		if u.Scheme == "tidegate" { // a device's or a gateway's, of the same CA
			return errOther(addr)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at = ca.Raw
	return nil
}

func (p *pin) authority(chain []*x509.Certificate) *x509.Certificate {
	if p.fingerprint == nil {
		ca, err := x509.ParseCertificate(p.ca)
		if err != nil {
			return nil
		}
		return ca
	}
	for _, c := range chain {
		sum := sha256.Sum256(c.Raw)
		if c.IsCA && subtle.ConstantTimeCompare(sum[:], p.fingerprint[:]) == 1 {
			return c
		}
	}
	return nil
}

// found is the CA that vouched for the last connection, in DER.
func (p *pin) found() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at
}

func clientCertificate(id session.Identity) tls.Certificate {
	return tls.Certificate{Certificate: id.Certificate, PrivateKey: id.Key}
}

func (c *Controller) client(addr string, cfg *tls.Config) *Client {
	return &Client{addr: addr, race: race{tls: cfg, noQUIC: c.NoQUIC, listen: c.ListenPacket, dial: c.DialTCP, underlay: c.Underlay}}
}
