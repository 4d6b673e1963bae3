package classicvpn

import (
	"context"

	"github.com/tidegate/tidegate/internal/classicvpn/openconnect"
	"github.com/tidegate/tidegate/session"
)

// answer is the user's to a prompt.
type answer struct {
	values []session.Secret
	trust  bool // of a certificate
}

// asker puts what a server asks before the user. It implements openconnect.Ask.
type asker struct{ a *attempt }

// Form implements openconnect.Ask.
func (k asker) Form(ctx context.Context, f openconnect.Form) ([]session.Secret, error) {
	got, err := k.ask(ctx, session.VPNPrompt{Kind: session.VPNForm, Message: f.Message, Error: f.Error, Fields: f.Fields})
	return got.values, err
}

// Trust implements openconnect.Ask.
func (k asker) Trust(ctx context.Context, c openconnect.Certificate) (bool, error) {
	got, err := k.ask(ctx, session.VPNPrompt{Kind: session.VPNCertificate, Message: c.Reason, Fingerprint: c.Fingerprint, Subject: c.Subject, Vouched: c.Vouched})
	return got.trust, err
}

func (k asker) ask(ctx context.Context, p session.VPNPrompt) (answer, error) {
	k.a.tell(func(w *owner, _ *connection) { w.ask(p) })
	select {
	case got := <-k.a.answers:
		return got, nil
	case <-ctx.Done():
		return answer{}, context.Cause(ctx)
	case <-k.a.ctx.Done():
		return answer{}, context.Cause(k.a.ctx)
	}
}
