package gateway

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// enrol redeems the link and keeps what it gave. A *wire.Problem is the
// controller's last word; any other error means that it was not reached.
func (f folder) enrol(ctx context.Context, text, name string) (*identity, error) {
	link, err := wire.ParseEnrolmentLink(text)
	if err != nil {
		return nil, err
	}
	key, err := f.loadKey()
	if err != nil {
		return nil, err
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: name}}, key)
	if err != nil {
		return nil, fmt.Errorf("make certificate request: %w", err)
	}
	reply, ca, err := redeem(ctx, link, wire.EnrolRequest{
		Code:     link.Code,
		CSR:      string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr})),
		Hostname: name,
		OS:       runtime.GOOS,
	})
	if err != nil {
		return nil, err
	}
	return f.keep(key, &enrolled{
		Controller:  link.Controller,
		Device:      reply.Device,
		Certificate: reply.Certificate,
		CA:          string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Raw})),
	})
}

func (f folder) keep(key *ecdsa.PrivateKey, e *enrolled) (*identity, error) {
	id, err := e.identity(key)
	if err != nil {
		return nil, err
	}
	b, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("encode enrolment: %w", err)
	}
	return id, f.write(fileIdentity, b)
}

// redeem posts the request to a controller that is known by its CA's
// fingerprint alone.
func redeem(ctx context.Context, link wire.EnrolmentLink, req wire.EnrolRequest) (*wire.EnrolReply, *x509.Certificate, error) {
	body, err := json.Marshal(req)
	if err != nil {
		return nil, nil, fmt.Errorf("encode enrolment: %w", err)
	}
	var ca *x509.Certificate
	tr := &http.Transport{DisableKeepAlives: true, TLSClientConfig: pinned(link, &ca)}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+link.Controller+wire.PathEnrol, bytes.NewReader(body))
	if err != nil {
		return nil, nil, fmt.Errorf("enrol: %w", err)
	}
	r.Header.Set("Content-Type", "application/json")
	res, err := tr.RoundTrip(r)
	if err != nil {
		return nil, nil, fmt.Errorf("enrol with %s: %w", link.Controller, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, nil, wire.ReadProblem(res.StatusCode, res.Body)
	}
	reply := &wire.EnrolReply{}
	if err := wire.ReadJSON(res.Body, reply); err != nil {
		return nil, nil, fmt.Errorf("enrol with %s: %w", link.Controller, err)
	}
	return reply, ca, nil
}

// errFingerprint: somebody else answers at the controller's address.
var errFingerprint = errors.New("the controller is not the one that the enrolment link names; ask your administrator for a new link, and do not go on if this stays")

// pinned trusts whoever is vouched for by the CA of that fingerprint, which
// comes in the controller's chain; it stores the CA it found.
func pinned(link wire.EnrolmentLink, ca **x509.Certificate) *tls.Config {
	host, _, _ := net.SplitHostPort(link.Controller) // checked by ParseEnrolmentLink
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		InsecureSkipVerify: true, // VerifyConnection verifies, against the fingerprint
		VerifyConnection: func(s tls.ConnectionState) error {
			for _, c := range s.PeerCertificates {
				if !c.IsCA || sha256.Sum256(c.Raw) != link.CA {
					continue
				}
				pool := x509.NewCertPool()
				pool.AddCert(c)
				if _, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{DNSName: host, Roots: pool}); err != nil {
					return err
				}
				*ca = c
				return nil
			}
			return errFingerprint
		},
	}
}
