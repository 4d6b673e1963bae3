package carrier

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	"github.com/tidegate/tidegate/session"
)

// target is what a carrier is opened to.
type target struct {
	host  string // as in the certificate and the requests
	conf  *tls.Config
	box   *box
	early bool // 0-RTT is allowed
}

// tls is the configuration of one handshake.
func (t target) tls(protocol string) *tls.Config {
	conf := t.conf.Clone()
	conf.NextProtos = []string{protocol}
	conf.ClientSessionCache = t.box
	return conf
}

// authority is the host as requests name it.
func (t target) authority() string {
	if strings.Contains(t.host, ":") {
		return "[" + t.host + "]"
	}
	return t.host
}

// clientTLS proves the device to the gateway, and the gateway by the
// controller's CA and its host name.
func clientTLS(host string, id session.Identity) (*tls.Config, error) {
	ca, err := x509.ParseCertificate(id.CA)
	if err != nil {
		return nil, fmt.Errorf("read the controller's CA: %w", err)
	}
	if id.Key == nil || len(id.Certificate) == 0 {
		return nil, errors.New("the device has no certificate; enrol it")
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	cert := &tls.Certificate{Certificate: id.Certificate, PrivateKey: id.Key}
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		ServerName: host,
		RootCAs:    roots,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return cert, nil
		},
	}, nil
}
