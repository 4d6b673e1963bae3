package virtual

import (
	"context"
	"crypto"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// observed is a session.Controller whose snapshots the client remembers.
type observed struct {
	session.Controller
	c *Client
}

// Connect makes a control channel's client.
func (o *observed) Connect(e session.Enrolled, id session.Identity) session.ControlClient {
	return &observedClient{o.Controller.Connect(e, id), o.c}
}

// Enrol redeems a link.
func (o *observed) Enrol(ctx context.Context, l wire.EnrolmentLink, key crypto.Signer) (session.Enrolled, error) {
	return o.Controller.Enrol(ctx, l, key)
}

type observedClient struct {
	session.ControlClient
	c *Client
}

// Events passes the snapshots on.
func (o *observedClient) Events(ctx context.Context, cookie session.Secret, on session.Heard) error {
	snapshot := on.Snapshot
	on.Snapshot = func(s wire.Snapshot) {
		o.c.mu.Lock()
		o.c.snapshot = s
		o.c.mu.Unlock()
		snapshot(s)
	}
	return o.ControlClient.Events(ctx, cookie, on)
}

// readToken reads a token without verifying it; the zero one where there is none.
func readToken(t testing.TB, token string) (v wire.Token) {
	t.Helper()
	if token == "" {
		return v
	}
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.ES256})
	if err == nil {
		err = parsed.UnsafeClaimsWithoutVerification(&v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}
