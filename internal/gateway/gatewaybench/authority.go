package gatewaybench

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/tidegate/tidegate/internal/wire"
)

// authority stands for the controller: a CA and a signing key, for as long as a
// measurement takes.
type authority struct {
	ca      *x509.Certificate
	caKey   *ecdsa.PrivateKey
	signKey *ecdsa.PrivateKey
	kid     string
	pool    *x509.CertPool
}

func newAuthority() (*authority, error) {
	a := &authority{pool: x509.NewCertPool()}
	var err error
	if a.caKey, err = newKey(); err != nil {
		return nil, err
	}
	if a.signKey, err = newKey(); err != nil {
		return nil, err
	}
	if a.kid, err = wire.KeyID(&a.signKey.PublicKey); err != nil {
		return nil, err
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bench"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), KeyUsage: x509.KeyUsageCertSign}
	if a.ca, err = a.certificate(tmpl, tmpl, &a.caKey.PublicKey); err != nil {
		return nil, err
	}
	a.pool.AddCert(a.ca)
	return a, nil
}

func newKey() (*ecdsa.PrivateKey, error) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	return k, nil
}

func (a *authority) certificate(tmpl, parent *x509.Certificate, pub any) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, pub, a.caKey)
	if err != nil {
		return nil, fmt.Errorf("make a certificate: %w", err)
	}
	return x509.ParseCertificate(der)
}

// leaf is a certificate with its key, of a device or a gateway as uri says; a
// gateway's is for this machine and the given addresses.
func (a *authority) leaf(serial int64, uri string, at ...net.IP) (tls.Certificate, error) {
	key, err := newKey()
	if err != nil {
		return tls.Certificate{}, err
	}
	u, err := url.Parse(uri)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make a certificate: %w", err)
	}
	leaf, err := a.certificate(&x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: uri}, URIs: []*url.URL{u},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}, IPAddresses: append(at, net.IPv4(127, 0, 0, 1))}, a.ca, &key.PublicKey)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}, nil
}

// enrol writes the state folder of a gateway that has been enrolled and knows
// the keys and a policy.
func (a *authority) enrol(dir string, at ...net.IP) error {
	cert, err := a.leaf(2, "tidegate:gateway/bench", at...)
	if err != nil {
		return err
	}
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		return fmt.Errorf("encode a key: %w", err)
	}
	block := func(typ string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: typ, Bytes: der}))
	}
	identity, err := json.Marshal(map[string]string{"controller": "127.0.0.1:1", "device": "bench",
		"certificate": block("CERTIFICATE", cert.Leaf.Raw), "ca": block("CERTIFICATE", a.ca.Raw)})
	if err != nil {
		return fmt.Errorf("encode an identity: %w", err)
	}
	keys, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &a.signKey.PublicKey, KeyID: a.kid, Algorithm: "ES256", Use: "sig"}}})
	if err != nil {
		return fmt.Errorf("encode keys: %w", err)
	}
	policy, err := wire.Sign(a.signKey, a.kid, wire.TypePolicy, wire.PolicyToken{Revision: 1})
	if err != nil {
		return err
	}
	for name, b := range map[string][]byte{"key.pem": []byte(block("PRIVATE KEY", key)), "gateway.json": identity, "keys.json": keys, "policy.jwt": []byte(policy)} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			return fmt.Errorf("enrol the gateway: %w", err)
		}
	}
	return nil
}
