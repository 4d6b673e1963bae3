//go:debug x509usefallbackroots=1

package openconnect

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/dnssplit/resolvedtest"
	"github.com/tidegate/tidegate/session"
)

// authority is one who vouches for others.
type authority struct {
	chain []*x509.Certificate // from its own to the root's
	key   *ecdsa.PrivateKey
}

// root is the one whom this machine trusts.
var root = sync.OnceValues(func() (*authority, error) {
	a, err := (*authority)(nil).issue(&x509.Certificate{Subject: pkix.Name{CommonName: "Harbour\x1b[2J Root", Organization: []string{"Harbour"}}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	if err == nil {
		pool := x509.NewCertPool()
		pool.AddCert(a.chain[0])
		x509.SetFallbackRoots(pool) // instead of the system's, as the directive says
	}
	return a, err
})

// issue has an authority vouch for another, or for a server; nil: it does so itself.
func (a *authority) issue(c *x509.Certificate) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	c.SerialNumber = big.NewInt(time.Now().UnixNano())
	c.NotBefore = time.Now().Add(-48 * time.Hour)
	if c.NotAfter.IsZero() {
		c.NotAfter = time.Now().Add(24 * time.Hour)
	}
	by, with, above := c, key, []*x509.Certificate(nil)
	if a != nil {
		by, with, above = a.chain[0], a.key, a.chain
	}
	der, err := x509.CreateCertificate(rand.Reader, c, by, key.Public(), with)
	if err != nil {
		return nil, err
	}
	own, err := x509.ParseCertificate(der)
	return &authority{append([]*x509.Certificate{own}, above...), key}, err
}

// serves has a server show a certificate, with those that vouch for it but the root's.
func (a *authority) serves(t *testing.T, l net.Listener) {
	t.Helper()
	shown := tls.Certificate{PrivateKey: a.key, Certificate: [][]byte{a.chain[0].Raw}}
	for _, c := range a.chain[1:max(1, len(a.chain)-1)] {
		shown.Certificate = append(shown.Certificate, c.Raw)
	}
	resolvedtest.ServeWeb(t, tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{shown}}), http.NotFoundHandler())
}

// vouchers are the root, one whom it vouches for, and one whom nobody does.
func vouchers(t *testing.T) (trusted, between, nobody *authority) {
	t.Helper()
	trusted, err := root()
	if err != nil {
		t.Fatal(err)
	}
	ca := func() *x509.Certificate {
		return &x509.Certificate{Subject: pkix.Name{CommonName: "Between"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	}
	if between, err = trusted.issue(ca()); err != nil {
		t.Fatal(err)
	}
	if nobody, err = nobody.issue(ca()); err != nil {
		t.Fatal(err)
	}
	return trusted, between, nobody
}

func TestVouched(t *testing.T) {
	trusted, between, nobody := vouchers(t)
	const name = "Harbour[2J Root"
	here := []net.IP{net.IPv4(127, 0, 0, 1)}
	for _, tt := range []struct {
		what    string
		by      *authority
		leaf    x509.Certificate
		host    string
		vouched string
	}{
		{"by its name", trusted, x509.Certificate{DNSNames: []string{"vpn.example"}}, "vpn.example", name},
		{"by its address", trusted, x509.Certificate{IPAddresses: here}, "127.0.0.1", name},
		{"through another", between, x509.Certificate{DNSNames: []string{"vpn.example"}}, "vpn.example", name},
		{"by another name", trusted, x509.Certificate{DNSNames: []string{"vpn.example"}}, "www.example", ""},
		{"too late", trusted, x509.Certificate{DNSNames: []string{"vpn.example"}, NotAfter: time.Now().Add(-time.Hour)}, "vpn.example", ""},
		{"for another purpose", trusted, x509.Certificate{DNSNames: []string{"vpn.example"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, "vpn.example", ""},
		{"by nobody that is known", nobody, x509.Certificate{DNSNames: []string{"vpn.example"}}, "vpn.example", ""},
		{"by itself", nil, x509.Certificate{DNSNames: []string{"vpn.example"}}, "vpn.example", ""},
	} {
		t.Run(tt.what, func(t *testing.T) {
			tt.leaf.Subject.CommonName = "the office's"
			server, err := tt.by.issue(&tt.leaf)
			if err != nil {
				t.Fatal(err)
			}
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			server.serves(t, l)
			got := Certificate{Host: tt.host, Fingerprint: pin(server.chain[0])}
			want := got
			want.Subject, want.Vouched = "CN=the office's", tt.vouched
			Engine{}.vouched(t.Context(), &got, l.Addr().String())
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}

			// Who vouches for one key says nothing of another.
			other := Certificate{Host: tt.host, Fingerprint: labPin}
			want = other
			Engine{}.vouched(t.Context(), &other, l.Addr().String())
			if diff := cmp.Diff(want, other); diff != "" {
				t.Errorf("another key (-want +got):\n%s", diff)
			}
		})
	}
}

// The user of a server that others vouch for is told by whom, and is asked all the same.
func TestSignInTellsWhoVouches(t *testing.T) {
	_, between, _ := vouchers(t)
	b := newBed(t)
	server, err := between.issue(&x509.Certificate{Subject: pkix.Name{CommonName: "vpn"}, IPAddresses: []net.IP{b.Address.AsSlice()}})
	if err != nil {
		t.Fatal(err)
	}
	var l net.Listener
	if err := b.Server.Do(func() (err error) { l, err = net.Listen("tcp", b.Address.String()+":443"); return err }); err != nil {
		t.Fatal(err)
	}
	server.serves(t, l)
	a := &answers{distrust: true}
	_, err = b.signIn(to(b.Address.String(), ""), a)
	is(t, err, session.VPNDistrusted)
	want := []Certificate{{Host: b.Address.String(), Fingerprint: pin(server.chain[0]), Subject: "CN=vpn", Vouched: "Harbour[2J Root", Reason: "signer not found"}}
	if diff := cmp.Diff(want, a.shown); diff != "" {
		t.Errorf("the certificate (-want +got):\n%s", diff)
	}
}
