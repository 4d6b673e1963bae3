package carrier

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/quic-go/quic-go"
)

// Refusals of a handshake. Trying again does not help.
var (
	// ErrCertificate: the gateway's certificate is not one of the controller's,
	// or not for its name.
	ErrCertificate = errors.New("the gateway's certificate is not one of your controller's")
	// ErrDevice: the gateway refused this device's certificate. It may come after
	// the carrier was opened, with the first request.
	ErrDevice = errors.New("the gateway refused this device's certificate")
)

// refusal says what a failed handshake, or the end of a connection, means.
func refusal(err error) error {
	var (
		unknown x509.UnknownAuthorityError
		name    x509.HostnameError
		invalid x509.CertificateInvalidError
		verify  *tls.CertificateVerificationError
		te      *quic.TransportError
		op      *net.OpError
	)
	switch {
	case err == nil, errors.Is(err, ErrCertificate), errors.Is(err, ErrDevice):
		return err
	case errors.As(err, &unknown), errors.As(err, &name), errors.As(err, &invalid), errors.As(err, &verify):
		return fmt.Errorf("%w: %w", ErrCertificate, err)
	case errors.As(err, &te) && te.ErrorCode.IsCryptoError() && te.Remote:
		if slices.Contains(certificateAlerts, tls.AlertError(te.ErrorCode&0xff)) {
			return fmt.Errorf("%w: %w", ErrDevice, err)
		}
	case errors.As(err, &op) && op.Op == "remote error": // crypto/tls: an alert of the peer's, of a type of its own
		if slices.ContainsFunc(certificateAlerts, func(a tls.AlertError) bool { return a.Error() == op.Err.Error() }) {
			return fmt.Errorf("%w: %w", ErrDevice, err)
		}
	}
	return err
}

// certificateAlerts are those about the client's certificate (RFC 8446, section
// 6.2): bad, unsupported, revoked, expired, unknown; its CA unknown; access
// denied; one is required.
var certificateAlerts = []tls.AlertError{42, 43, 44, 45, 46, 48, 49, 116}
