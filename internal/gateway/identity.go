package gateway

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// enrolled is what a gateway keeps of its enrolment.
type enrolled struct {
	Controller  string        `json:"controller"` // host:port
	Device      wire.DeviceID `json:"device"`
	Certificate string        `json:"certificate"` // PEM, leaf first
	CA          string        `json:"ca"`          // PEM
}

// identity is who the gateway is, to clients and to the controller.
type identity struct {
	controller string
	cert       tls.Certificate
	ca         *x509.Certificate
	pool       *x509.CertPool
}

// loadKey reads the gateway's key, or makes one and keeps it.
func (f folder) loadKey() (*ecdsa.PrivateKey, error) {
	b, err := f.read(fileKey)
	if err != nil {
		return nil, fmt.Errorf("read gateway key: %w", err)
	}
	if b == nil {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, fmt.Errorf("make gateway key: %w", err)
		}
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return nil, fmt.Errorf("make gateway key: %w", err)
		}
		return key, f.write(fileKey, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, fmt.Errorf("read gateway key: %s holds no PEM block; remove it and enrol the gateway again", fileKey)
	}
	k, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("read gateway key: %w", err)
	}
	key, ok := k.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("read gateway key: it is no ECDSA key; remove %s and enrol the gateway again", fileKey)
	}
	return key, nil
}

// loadIdentity reads what enrolment gave; nil where the gateway is not enrolled.
// A link to another controller is an error, to the same one updates its address.
func (f folder) loadIdentity(link string) (*identity, error) {
	b, err := f.read(fileIdentity)
	if err != nil || b == nil {
		return nil, err
	}
	var e enrolled
	if err := json.Unmarshal(b, &e); err != nil {
		return nil, fmt.Errorf("read %s: %w", fileIdentity, err)
	}
	key, err := f.loadKey()
	if err != nil {
		return nil, err
	}
	id, err := e.identity(key)
	if err != nil || link == "" {
		return id, err
	}
	l, err := wire.ParseEnrolmentLink(link)
	if err != nil {
		return nil, err
	}
	if l.CA != sha256.Sum256(id.ca.Raw) {
		return nil, fmt.Errorf("the enrolment link is another controller's than the one in %s; remove that folder to enrol anew", string(f))
	}
	id.controller = l.Controller
	return id, nil
}

func (e *enrolled) identity(key *ecdsa.PrivateKey) (*identity, error) {
	id := &identity{controller: e.Controller, cert: tls.Certificate{PrivateKey: key}, pool: x509.NewCertPool()}
	for block, rest := pem.Decode([]byte(e.Certificate)); block != nil; block, rest = pem.Decode(rest) {
		id.cert.Certificate = append(id.cert.Certificate, block.Bytes)
	}
	ca, _ := pem.Decode([]byte(e.CA))
	if len(id.cert.Certificate) == 0 || ca == nil {
		return nil, fmt.Errorf("the enrolment holds no certificate; remove %s and enrol the gateway again", fileIdentity)
	}
	var err error
	if id.cert.Leaf, err = x509.ParseCertificate(id.cert.Certificate[0]); err != nil {
		return nil, fmt.Errorf("read gateway certificate: %w", err)
	}
	if id.ca, err = x509.ParseCertificate(ca.Bytes); err != nil {
		return nil, fmt.Errorf("read CA certificate: %w", err)
	}
	if !key.PublicKey.Equal(id.cert.Leaf.PublicKey) {
		return nil, fmt.Errorf("the gateway's certificate is not its key's; remove %s and enrol the gateway again", fileIdentity)
	}
	id.pool.AddCert(id.ca)
	return id, nil
}

// serverTLS is for data channels: TLS 1.3 and a device certificate, always.
func (id *identity) serverTLS() *tls.Config {
	return &tls.Config{
		MinVersion:   tls.VersionTLS13,
		Certificates: []tls.Certificate{id.cert},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    id.pool,
	}
}

// clientTLS is for the uplink.
func (id *identity) clientTLS() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{id.cert}, RootCAs: id.pool}
}

// deviceOf is the device that the peer proved to be: the leaf it holds the key
// of, never another certificate of the chain.
func deviceOf(state *tls.ConnectionState, now time.Time) (wire.DeviceID, *x509.Certificate, error) {
	if state == nil || len(state.VerifiedChains) == 0 || len(state.PeerCertificates) == 0 {
		return "", nil, fmt.Errorf("no device certificate")
	}
	leaf := state.PeerCertificates[0]
	if now.After(leaf.NotAfter) || now.Before(leaf.NotBefore) { // a connection may outlive its certificate
		return "", nil, fmt.Errorf("the certificate has expired")
	}
	if leaf.IsCA || !leaf.Equal(state.VerifiedChains[0][0]) {
		return "", nil, fmt.Errorf("the certificate is not a device's")
	}
	if len(leaf.URIs) != 1 {
		return "", nil, fmt.Errorf("the certificate names no device")
	}
	id, ok := deviceURI(leaf.URIs[0])
	if !ok {
		return "", nil, fmt.Errorf("the certificate names no device")
	}
	return id, leaf, nil
}

func deviceURI(u *url.URL) (wire.DeviceID, bool) {
	id, ok := strings.CutPrefix(u.String(), "tidegate:device/")
	return wire.DeviceID(id), ok && wire.CheckID(id) == nil
}
