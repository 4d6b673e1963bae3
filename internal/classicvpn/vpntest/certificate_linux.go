package vpntest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"time"
)

// Certificate is a server's, which nobody vouches for.
type Certificate struct {
	tls.Certificate
	// Fingerprint pins its key, as openconnect writes it.
	Fingerprint string
}

// NewCertificate makes one for a server at an address, with a key of its own.
func NewCertificate(at netip.Addr) (*Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a certificate: %w", err)
	}
	now := time.Now()
	leaf := &x509.Certificate{SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "vpn." + Domain}, DNSNames: []string{"vpn." + Domain}, IPAddresses: []net.IP{at.AsSlice()},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour), KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, leaf, leaf, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make a certificate: %w", err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, fmt.Errorf("make a certificate: %w", err)
	}
	sum := sha256.Sum256(public)
	return &Certificate{tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, "pin-sha256:" + base64.StdEncoding.EncodeToString(sum[:])}, nil
}
