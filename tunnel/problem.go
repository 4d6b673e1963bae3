package tunnel

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"

	"github.com/quic-go/quic-go"

	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/internal/wire"
)

// What is told to the user of a flow or a data channel that failed. A problem
// that the gateway sent is passed on as it is. All of it is in English: whoever shows
// it says it in the user's language (lang.Told).

func notReached() *wire.Problem {
	return &wire.Problem{
		Code:   wire.CodeNoSession,
		Title:  "The controller is not reached",
		Detail: "Access is prevented until it is; check the network, or sign in.",
	}
}

// unanswered says that no gateway admitted us; err is the last one's.
func unanswered(g wire.Gateway, err error) *wire.Problem {
	var p *wire.Problem
	if errors.As(err, &p) {
		return p
	}
	return &wire.Problem{
		Code:   wire.CodeAppUnreachable,
		Title:  lang.English("The gateway %s does not answer", g.Name),
		Detail: lang.English("%s at %s. It is tried again when the application is used next.", reasonOf(err), g.Address),
	}
}

// reasonOf says in words why a connection to a gateway failed; the log has the error.
func reasonOf(err error) string {
	var (
		unknown x509.UnknownAuthorityError
		name    x509.HostnameError
		invalid x509.CertificateInvalidError
		verify  *tls.CertificateVerificationError
		te      *quic.TransportError
	)
	switch {
	case errors.As(err, &unknown), errors.As(err, &name), errors.As(err, &invalid), errors.As(err, &verify):
		return "Its certificate is not one of your controller's"
	case errors.As(err, &te) && te.ErrorCode.IsCryptoError() && te.Remote:
		return "It refused this device's certificate"
	case errors.As(err, &te) && te.ErrorCode.IsCryptoError():
		return "Its certificate is not one of your controller's"
	case errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return "Nothing came back from it"
	case errors.Is(err, errSilent):
		return "Nothing comes back from it any more"
	}
	return "The connection failed"
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// notRunning says that the data plane does not carry anything.
func notRunning() *wire.Problem {
	return &wire.Problem{Code: wire.CodeNoSession, Title: "Tidegate is about to end", Detail: "Start it again."}
}

// notOurs says that nothing leads to a target.
func notOurs() *wire.Problem {
	return &wire.Problem{Code: wire.CodeNotEntitled, Title: "You are not entitled to this destination",
		Detail: "Ask your administrator."}
}

// noGateway says that a target's site is not known.
func noGateway() *wire.Problem {
	return &wire.Problem{Code: wire.CodeNotEntitled, Title: "No gateway is known for this application",
		Detail: "Sign in again, or ask your administrator."}
}

// reason is what a guest of a channel is told.
func reason(ch *channel, err error) *wire.Problem {
	var p *wire.Problem
	switch {
	case errors.As(err, &p):
		return p
	case errors.Is(err, errPaused):
		return paused()
	}
	return &wire.Problem{Code: wire.CodeAppUnreachable, Title: "The connection to the gateway was lost", Detail: "It is made again when the application is used next."}
}

// resumption says why a gateway would not go on with a flow.
func resumption(refusal *wire.Problem) *wire.Problem {
	if refusal.Code != wire.CodeFlowGone {
		return refusal
	}
	return &wire.Problem{Code: wire.CodeFlowGone, Title: "The connection was lost with its gateway",
		Detail: "The gateway was started anew, or another has taken its place. Open the application again."}
}

func lost(g wire.Gateway) *wire.Problem {
	return &wire.Problem{
		Code:   wire.CodeAppUnreachable,
		Title:  lang.English("The connection to the gateway %s was lost", g.Name),
		Detail: "It is made again when the application is used next.",
	}
}

// dropped says that the gateway reset a CONNECT without an answer.
func dropped(g wire.Gateway) *wire.Problem {
	return &wire.Problem{
		Code:   wire.CodeAppUnreachable,
		Title:  lang.English("The gateway %s gave no answer for this application", g.Name),
		Detail: "Try again; if it goes on, tell your administrator.",
	}
}

// denied explains a flow that its verdict ended: v denies, or has lapsed.
func denied(v wire.Verdict) *wire.Problem {
	title := "Access was ended"
	if v.Allow {
		title = "Access has lapsed"
		v.Allow = false
	}
	return &wire.Problem{Code: wire.CodeDenied, Title: title, Detail: v.Reason.Detail, Verdict: &v}
}
