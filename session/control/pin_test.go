package control

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net/url"
	"testing"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// issue makes a certificate for host, signed by parent; without one, a CA.
func issue(t *testing.T, parent *tls.Certificate, host, uri string) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true, IsCA: parent == nil}
	signer, above := any(key), tmpl
	if parent != nil {
		tmpl.DNSNames, tmpl.ExtKeyUsage = []string{host}, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		signer, above = parent.PrivateKey, parent.Leaf
	}
	if uri != "" {
		u, err := url.Parse(uri)
		if err != nil {
			t.Fatal(err)
		}
		tmpl.URIs = []*url.URL{u}
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, above, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func TestPin(t *testing.T) {
	ca, other := issue(t, nil, "ca", ""), issue(t, nil, "ca", "")
	const host = "zta.example"
	good := issue(t, ca, host, "")
	fingerprint, wrong := sha256.Sum256(ca.Leaf.Raw), sha256.Sum256(other.Leaf.Raw)
	leafSum := sha256.Sum256(good.Leaf.Raw)
	for _, c := range []struct {
		name  string
		pin   *pin
		chain []*tls.Certificate
		ok    bool
	}{
		{"enrolled", &pin{ca: ca.Leaf.Raw}, []*tls.Certificate{good}, true},
		{"by fingerprint", &pin{fingerprint: &fingerprint}, []*tls.Certificate{good, ca}, true},
		{"another CA", &pin{ca: other.Leaf.Raw}, []*tls.Certificate{good, ca}, false},
		{"another fingerprint", &pin{fingerprint: &wrong}, []*tls.Certificate{good, ca}, false},
		{"the right CA beside another's certificate", &pin{fingerprint: &fingerprint}, []*tls.Certificate{issue(t, other, host, ""), ca}, false},
		{"a fingerprint that is no CA's", &pin{fingerprint: &leafSum}, []*tls.Certificate{good}, false},
		{"another host", &pin{ca: ca.Leaf.Raw}, []*tls.Certificate{issue(t, ca, "else.example", "")}, false},
		{"a gateway on the controller's host", &pin{ca: ca.Leaf.Raw}, []*tls.Certificate{issue(t, ca, host, "tidegate:gateway/quay")}, false},
		{"nobody", &pin{ca: ca.Leaf.Raw}, nil, false},
	} {
		var cs tls.ConnectionState
		for _, x := range c.chain {
			cs.PeerCertificates = append(cs.PeerCertificates, x.Leaf)
		}
		err := c.pin.verify(host+":8443", host, cs)
		if (err == nil) != c.ok || !c.ok && !errors.Is(err, &wire.Problem{Code: wire.CodeFingerprint}) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
