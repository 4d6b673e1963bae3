package openconnect

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"net"
	"net/netip"
	"time"

	"github.com/tidegate/tidegate/session"
)

// vouched looks at the server at peer, where openconnect has just connected to, and
// says its subject and who vouches for it. It says nothing of one that shows another
// key than the question is about, nor where it takes long.
func (e Engine) vouched(ctx context.Context, c *Certificate, peer string) {
	if _, err := netip.ParseAddrPort(peer); err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	dial := e.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	raw, err := dial(ctx, "tcp", peer)
	if err != nil {
		return
	}
	defer raw.Close()
	// Nothing is sent over it: who it is, is all that is asked.
	conn := tls.Client(raw, &tls.Config{ServerName: c.Host, InsecureSkipVerify: true})
	if conn.HandshakeContext(ctx) != nil {
		return
	}
	chain := conn.ConnectionState().PeerCertificates
	if len(chain) == 0 || pin(chain[0]) != c.Fingerprint {
		return
	}
	c.Subject = clean(chain[0].Subject.String(), maxWord)
	others := x509.NewCertPool()
	for _, o := range chain[1:] {
		others.AddCert(o)
	}
	found, err := chain[0].Verify(x509.VerifyOptions{DNSName: c.Host, Intermediates: others})
	if err != nil || len(found) == 0 {
		return
	}
	root := found[0][len(found[0])-1].Subject
	c.Vouched = clean(root.CommonName, maxWord)
	if c.Vouched == "" {
		c.Vouched = clean(root.String(), maxWord)
	}
}

// pin is a certificate's key as openconnect writes it.
func pin(c *x509.Certificate) string {
	sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	return "pin-sha256:" + base64.StdEncoding.EncodeToString(sum[:])
}

// known says whether a fingerprint is one of those.
func known(fingerprint string, trusted []string) bool {
	for _, t := range trusted {
		if t == fingerprint {
			return true
		}
	}
	return false
}

// trust asks whether a server is the right one.
func (s *signing) trust(ctx context.Context, c Certificate) error {
	if s.to.Fingerprint != "" {
		return failed(session.VPNOtherServer, "it shows "+c.Fingerprint+", and "+s.to.Fingerprint+" is trusted")
	}
	if known(c.Fingerprint, s.trusted) {
		return nil
	}
	c.Onward = len(s.trusted) > 0
	s.engine.vouched(ctx, &c, s.said.peer)
	yes, err := s.ask.Trust(ctx, c)
	if err != nil {
		return err
	}
	if !yes {
		return failed(session.VPNDistrusted, "")
	}
	s.trusted = append(s.trusted, c.Fingerprint)
	return nil
}
