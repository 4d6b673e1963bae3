package controller

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// How long certificates live.
const (
	caLife   = 20 * 365 * 24 * time.Hour
	certLife = 365 * 24 * time.Hour
	backdate = time.Hour // for clocks that are behind
)

// authority is the controller's certificate authority and its token key.
type authority struct {
	key     *ecdsa.PrivateKey
	cert    *x509.Certificate
	pool    *x509.CertPool
	token   *ecdsa.PrivateKey
	tokenID string
	reset   [32]byte // of QUIC stateless resets: they outlive a restart

	hosts []string // of the server's certificate

	mu     sync.Mutex // guards server
	server *tls.Certificate
}

// openAuthority loads the keys of a state directory, making them at first.
func openAuthority(dir, name string) (*authority, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	a := &authority{}
	var err error
	if a.key, err = keepKey(filepath.Join(dir, "ca.key")); err != nil {
		return nil, err
	}
	if a.token, err = keepKey(filepath.Join(dir, "token.key")); err != nil {
		return nil, err
	}
	if a.tokenID, err = wire.KeyID(a.token.Public()); err != nil {
		return nil, err
	}
	reset, err := keep(filepath.Join(dir, "reset.key"), func() ([]byte, error) {
		b := make([]byte, len(a.reset))
		rand.Read(b)
		return b, nil
	})
	if err != nil || len(reset) != len(a.reset) {
		return nil, fmt.Errorf("reset.key in %s is damaged; delete it: %w", dir, err)
	}
	copy(a.reset[:], reset)
	caFile := filepath.Join(dir, "ca.crt")
	b, err := keep(caFile, func() ([]byte, error) { return a.selfSign(name) })
	if err != nil {
		return nil, fmt.Errorf("CA certificate: %w", err)
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, fmt.Errorf("CA certificate %s is damaged; restore it from a backup", caFile)
	}
	if a.cert, err = x509.ParseCertificate(block.Bytes); err != nil {
		return nil, fmt.Errorf("CA certificate %s is damaged; restore it from a backup: %w", caFile, err)
	}
	if !a.key.PublicKey.Equal(a.cert.PublicKey) {
		return nil, fmt.Errorf("CA certificate %s is of another key than ca.key; restore both from one backup", caFile)
	}
	a.pool = x509.NewCertPool()
	a.pool.AddCert(a.cert)
	return a, nil
}

func (a *authority) selfSign(name string) ([]byte, error) {
	now := time.Now()
	t := &x509.Certificate{
		SerialNumber:          serial(),
		Subject:               pkix.Name{CommonName: "Tidegate CA of " + name},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(caLife),
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, a.key.Public(), a.key)
	if err != nil {
		return nil, err
	}
	return certPEM(der), nil
}

func certPEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func serial() *big.Int {
	b := make([]byte, 16)
	rand.Read(b)
	b[0] &= 0x7f
	return new(big.Int).SetBytes(b)
}

// issue signs a certificate over pub.
func (a *authority) issue(pub crypto.PublicKey, id *url.URL, hosts []string, usage ...x509.ExtKeyUsage) ([]byte, error) {
	now := time.Now()
	t := &x509.Certificate{
		SerialNumber:          serial(),
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(certLife),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           usage,
		BasicConstraintsValid: true,
	}
	if id != nil {
		t.URIs = []*url.URL{id}
		t.Subject.CommonName = id.Opaque
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else if h != "" {
			t.DNSNames = append(t.DNSNames, h)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, t, a.cert, pub, a.key)
	if err != nil {
		return nil, fmt.Errorf("issue certificate: %w", err)
	}
	return der, nil
}

// serverCertificate is for tls.Config.GetCertificate: the controller's own,
// made when it is needed and again when half of its life is over.
func (a *authority) serverCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.server != nil && time.Until(a.server.Leaf.NotAfter) > certLife/2 {
		return a.server, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := a.issue(key.Public(), nil, a.hosts, x509.ExtKeyUsageServerAuth)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	a.server = &tls.Certificate{Certificate: [][]byte{der, a.cert.Raw}, PrivateKey: key, Leaf: leaf}
	return a.server, nil
}

// fingerprint is the CA's, as it stands in enrolment links.
func (a *authority) fingerprint() [sha256.Size]byte { return sha256.Sum256(a.cert.Raw) }

// keyThumbprint names a public key by the SHA-256 of its SubjectPublicKeyInfo.
func keyThumbprint(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
