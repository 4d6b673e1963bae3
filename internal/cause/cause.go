// Package cause says in the user's words why another machine was not reached, and what
// to do. Whoever dials a controller and has to tell of it calls it; the error itself is
// for logs and diagnoses. It keeps nothing, and may be called from any goroutine.
package cause

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"regexp"
	"slices"
	"syscall"
)

// Cause is why, and what to do about it: sentences in English, which are keys of the
// catalogues.
type Cause struct {
	Why, Fix string
	// Stays: it is not over as soon as this machine is online again.
	Stays bool
}

// The causes that are told apart. Expired and Misnamed are of a certificate that may be
// the right one all the same.
var (
	noName      = Cause{"Its name was not found.", "Check how it is spelled, and that this machine is online. A VPN may have changed which name server is asked.", true}
	noServer    = Cause{"No name server answered, so its address is not known.", "Check that this machine is online. A VPN may have changed which name server is asked.", false}
	Expired     = Cause{"Its certificate has expired or is not valid yet, or this machine’s clock is wrong.", "Check the date and the time of this machine. If they are right, tell your administrator.", true}
	Misnamed    = Cause{"Its certificate is for another name.", "Check how the address is spelled. If it is right, tell your administrator.", true}
	untrusted   = Cause{"Its certificate is signed by nobody that is trusted here.", "Leave this network if you do not trust it. If it stays, tell your administrator.", true}
	rejected    = Cause{"It ended the connection while the certificates were exchanged.", "Ask your administrator whether this device is still enrolled, and whether something on the way opens encrypted connections.", true}
	notTLS      = Cause{"What answers there is something else, or another device on the way.", "Check the address and its port. In a hotel or a train, open a page in the browser first and sign in to the network.", true}
	refused     = Cause{"Nothing accepts connections at that address.", "Check the address and its port. If they are right, try again later, or tell your administrator.", false}
	noRoute     = Cause{"No way leads there from the network that this machine is in.", "Check that this machine is online, and that no VPN or firewall is in the way.", false}
	forbidden   = Cause{"This machine did not let the connection out.", "Check the firewall of this machine, or ask whoever administers it.", true}
	unanswered  = Cause{"It did not answer in time.", "Check your network, then try again. A firewall or a VPN may be in the way.", false}
	broken      = Cause{"The connection was broken off.", "Try again. If it stays, a firewall or a proxy may be in the way: tell your administrator.", false}
	unreadable  = Cause{"What it answered cannot be read.", "Check the address. If it is right, tell your administrator that the versions may differ.", true}
	unexplained = Cause{"The connection failed.", "Check your network and the address, then try again. Tidegate’s log says more.", false}
)

// Of is the cause of an error; of several that are joined, the one that says most.
func Of(err error) Cause {
	var (
		name      *net.DNSError
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		invalid   x509.CertificateInvalidError
		chain     *tls.CertificateVerificationError
		alert     tls.AlertError
		record    tls.RecordHeaderError
		syntax    *json.SyntaxError
		kind      *json.UnmarshalTypeError
		timeout   net.Error
	)
	switch {
	case err == nil:
		return unexplained
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return Expired
	case errors.As(err, &host):
		return Misnamed
	case errors.As(err, &authority), errors.As(err, &invalid), errors.As(err, &chain):
		return untrusted
	case errors.As(err, &record):
		return notTLS
	case errors.As(err, &alert), remoteAlert(err), quicAlert.MatchString(err.Error()):
		return rejected
	case errors.As(err, &name) && name.IsNotFound:
		return noName
	case errors.As(err, &name):
		return noServer
	case oneOf(err, refusals):
		return refused
	case oneOf(err, routeless):
		return noRoute
	case errors.Is(err, os.ErrPermission):
		return forbidden
	case errors.As(err, &syntax), errors.As(err, &kind):
		return unreadable
	case quicVersion.MatchString(err.Error()):
		return notTLS
	case oneOf(err, resets):
		return broken
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return unanswered
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return broken
	}
	return unexplained
}

// QUIC's errors are known by their words: the window has the session's states, and nothing
// of what makes connections.
var (
	quicAlert   = regexp.MustCompile(`\bCRYPTO_ERROR 0x[0-9a-f]+ \(remote\)`)
	quicVersion = regexp.MustCompile(`\bno compatible QUIC version found\b`)
)

// oneOf says whether err is one of these.
func oneOf(err error, numbers []syscall.Errno) bool {
	return slices.ContainsFunc(numbers, func(n syscall.Errno) bool { return errors.Is(err, n) })
}

// remoteAlert says whether the other side ended a handshake over TCP: package crypto/tls
// has no type for its alert, but the operation's name.
func remoteAlert(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "remote error"
}
