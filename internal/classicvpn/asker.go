package classicvpn

import (
	"context"
	"slices"
	"time"

	"github.com/tidegate/tidegate/internal/classicvpn/openconnect"
	"github.com/tidegate/tidegate/session"
)

// answer is the user's to a prompt.
type answer struct {
	values []session.Secret
	trust  bool // of a certificate
}

const (
	// thought is how long a question waits for its answer, and silence how long a server
	// says nothing, as while a sign-in is confirmed on a telephone. Others of this
	// machine wait for the device meanwhile.
	thought = 10 * time.Minute
	silence = 5 * time.Minute
)

// signIn signs in to the server.
func (a *attempt) signIn(e engine) (openconnect.Session, error) {
	ctx, cancel := context.WithCancelCause(a.ctx)
	defer cancel(nil)
	silent := time.AfterFunc(silence, func() { cancel(failing(session.VPNUnreachable, "the server has said nothing for a long time")) })
	defer silent.Stop()
	s, err := e.SignIn(ctx, a.to, asker{a, silent})
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return s, err
}

func failing(code session.VPNFailureCode, detail string) error {
	return &openconnect.Failure{VPNFailure: session.VPNFailure{Code: code, Detail: detail}}
}

// asker puts what a server asks before the user. It implements openconnect.Ask.
type asker struct {
	a      *attempt
	silent *time.Timer // it is the server's turn
}

// Form implements openconnect.Ask.
func (k asker) Form(ctx context.Context, f openconnect.Form) ([]session.Secret, error) {
	got, err := k.ask(ctx, session.VPNPrompt{Kind: session.VPNForm, Message: f.Message, Error: f.Error, Fields: f.Fields})
	return got.values, err
}

// unsigned is what openconnect finds wrong with every certificate, built with GnuTLS or
// with OpenSSL: it trusts none of the system's roots here. Vouched says what is so.
var unsigned = []string{"signer not found", "unable to get local issuer certificate"}

// Trust implements openconnect.Ask.
func (k asker) Trust(ctx context.Context, c openconnect.Certificate) (bool, error) {
	if slices.Contains(unsigned, c.Reason) {
		c.Reason = ""
	}
	if !c.Onward {
		c.Host = ""
	}
	got, err := k.ask(ctx, session.VPNPrompt{Kind: session.VPNCertificate, Host: c.Host, Message: c.Reason, Fingerprint: c.Fingerprint, Subject: c.Subject, Vouched: c.Vouched})
	return got.trust, err
}

func (k asker) ask(ctx context.Context, p session.VPNPrompt) (answer, error) {
	k.silent.Stop()
	defer k.silent.Reset(silence)
	k.a.tell(func(w *owner, _ *connection) { w.ask(p) })
	late := time.NewTimer(thought)
	defer late.Stop()
	select {
	case got := <-k.a.answers:
		return got, nil
	case <-late.C:
		return answer{}, failing(session.VPNUnanswered, "")
	case <-ctx.Done():
		return answer{}, context.Cause(ctx)
	}
}
