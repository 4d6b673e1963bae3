package cause

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
)

func TestOf(t *testing.T) {
	over := func(err error) error {
		return fmt.Errorf("reach the controller over TCP: %w", &net.OpError{Op: "dial", Net: "tcp", Err: err})
	}
	quicly := fmt.Errorf("reach the controller over QUIC: %w", &quic.HandshakeTimeoutError{})
	for _, row := range []struct {
		name string
		err  error
		want Cause
	}{
		{"refused", errors.Join(quicly, over(os.NewSyscallError("connect", syscall.ECONNREFUSED))), refused},
		{"no way", errors.Join(over(os.NewSyscallError("sendmsg", syscall.ENETUNREACH)), over(syscall.EHOSTUNREACH)), noRoute},
		{"let out by nobody", over(os.NewSyscallError("connect", syscall.EPERM)), forbidden},
		{"silence", errors.Join(quicly, over(context.DeadlineExceeded)), unanswered},
		{"a socket's time-out", over(os.ErrDeadlineExceeded), unanswered},
		{"reset", errors.Join(quicly, over(os.NewSyscallError("read", syscall.ECONNRESET))), broken},
		{"the end", over(io.ErrUnexpectedEOF), broken},
		{"no such name", over(&net.DNSError{Err: "no such host", Name: "zta.example", IsNotFound: true}), noName},
		{"no name server", over(&net.DNSError{Err: "i/o timeout", Name: "zta.example", IsTimeout: true}), noServer},
		{"expired", errors.Join(quicly, over(&tls.CertificateVerificationError{Err: x509.CertificateInvalidError{Reason: x509.Expired}})), Expired},
		{"for something else", over(x509.CertificateInvalidError{Reason: x509.IncompatibleUsage}), untrusted},
		{"another's name", over(x509.HostnameError{Certificate: &x509.Certificate{}, Host: "zta.example"}), Misnamed},
		{"unknown", over(x509.UnknownAuthorityError{}), untrusted},
		{"refused by QUIC", fmt.Errorf("%w", &quic.TransportError{Remote: true, ErrorCode: 0x100 + 42}), rejected},
		{"a QUIC of another kind", fmt.Errorf("%w", &quic.VersionNegotiationError{}), notTLS},
		{"refused to QUIC by us", fmt.Errorf("%w", &quic.TransportError{ErrorCode: 0x100 + 42}), broken},
		{"no TLS", over(tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}), notTLS},
		{"nonsense", fmt.Errorf("read the controller's answer: %w", json.Unmarshal([]byte("<html>"), new(int))), unreadable},
		{"nothing", nil, unexplained},
		{"anything", errors.New("the controller sent no session cookie"), unexplained},
	} {
		if got := Of(row.err); got != row.want {
			t.Errorf("%s (%v): %q", row.name, row.err, got.Why)
		}
	}
}

// What the system and package tls really say is understood.
func TestRealErrors(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	dial := func(address string, roots *x509.CertPool) error {
		c, err := (&tls.Dialer{Config: &tls.Config{RootCAs: roots}}).DialContext(ctx, "tcp", address)
		if err == nil {
			_, err = c.Read(make([]byte, 1)) // a refusal of who comes without a certificate comes late
			c.Close()
		}
		return err
	}
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody.Close()
	web, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	plain := &http.Server{}
	ended := make(chan error, 2)
	go func() { ended <- plain.Serve(web) }()
	leaf, roots := certificate(t)
	picky, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{leaf}, ClientAuth: tls.RequireAnyClientCert})
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			c, err := picky.Accept()
			if err != nil {
				ended <- err
				return
			}
			go func() {
				c.(*tls.Conn).HandshakeContext(ctx) // it refuses
				c.Close()
			}()
		}
	}()
	defer func() { plain.Close(); picky.Close(); <-ended; <-ended }()
	_, missing := net.Dial("unix", filepath.Join(t.TempDir(), "none"))
	for _, row := range []struct {
		name string
		err  error
		want Cause
	}{
		{"nobody listens", dial(nobody.Addr().String(), roots), refused},
		{"a web server", dial(web.Addr().String(), roots), notTLS},
		{"a stranger's", dial(picky.Addr().String(), x509.NewCertPool()), untrusted},
		{"who refuses us", dial(picky.Addr().String(), roots), rejected},
		{"another thing", missing, unexplained},
	} {
		if got := Of(row.err); got != row.want {
			t.Errorf("%s (%v): %q", row.name, row.err, got.Why)
		}
	}
}

// certificate is one for 127.0.0.1, and who trusts it.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IPAddresses: []net.IP{{127, 0, 0, 1}}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}
