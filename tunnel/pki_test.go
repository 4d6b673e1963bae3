package tunnel

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"testing"
	"time"

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
