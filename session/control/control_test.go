package control_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tidegate/tidegate/internal/lab"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
	"github.com/tidegate/tidegate/session/control"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newLab(t *testing.T, noQUIC bool) *lab.Lab {
	t.Helper()
	l, err := lab.Start(t.Context(), lab.Options{Config: lab.DefaultConfig().Quick(), Dir: t.TempDir(), NoQUIC: noQUIC})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func newKey(t *testing.T) crypto.Signer {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func identity(e session.Enrolled, key crypto.Signer) session.Identity {
	id := session.Identity{Device: e.Device, Key: key}
	for b, rest := pem.Decode([]byte(e.Certificate)); b != nil; b, rest = pem.Decode(rest) {
		id.Certificate = append(id.Certificate, b.Bytes)
	}
	ca, _ := pem.Decode([]byte(e.CA))
	id.CA = ca.Bytes
	return id
}

// device is a device enrolled for a user.
func device(t *testing.T, l *lab.Lab, c *control.Controller, user string) (session.Enrolled, crypto.Signer, session.ControlClient) {
	t.Helper()
	link, err := l.Link(t.Context(), user)
	if err != nil {
		t.Fatal(err)
	}
	key := newKey(t)
	e, err := c.Enrol(t.Context(), link, key)
	if err != nil {
		t.Fatal(err)
	}
	client := c.Connect(e, identity(e, key))
	t.Cleanup(client.Close)
	return e, key, client
}

// heard hears no notices.
func heard(established func(string), snapshot func(wire.Snapshot)) session.Heard {
	return session.Heard{Established: established, Snapshot: snapshot, Notice: func(string, wire.ChannelNotice) {}}
}

func isCode(err error, c wire.Code) bool { return errors.Is(err, &wire.Problem{Code: c}) }

func TestEnrolment(t *testing.T) {
	l := newLab(t, false)
	c := &control.Controller{}
	link, err := l.Link(t.Context(), "maya")
	if err != nil {
		t.Fatal(err)
	}
	wrong := link
	wrong.CA[0] ^= 1
	if _, err := c.Enrol(t.Context(), wrong, newKey(t)); !isCode(err, wire.CodeFingerprint) {
		t.Fatalf("a controller with another fingerprint: %v", err)
	}
	// The code was not handed to the stranger: it still works, and works once.
	e, err := c.Enrol(t.Context(), link, newKey(t))
	if err != nil {
		t.Fatal(err)
	}
	if e.User != "maya" || e.Name != "Harbour Works" || e.Controller != l.Controller() {
		t.Errorf("enrolled as %+v", e.Enrolment)
	}
	if _, err := c.Enrol(t.Context(), link, newKey(t)); !isCode(err, wire.CodeEnrolCode) {
		t.Errorf("a used code: %v", err)
	}
	b, _ := pem.Decode([]byte(e.Certificate))
	if leaf, err := x509.ParseCertificate(b.Bytes); err != nil || leaf.URIs[0].String() != "tidegate:device/"+string(e.Device) {
		t.Errorf("the certificate names %v, %v", leaf.URIs, err)
	}
}

func TestLanes(t *testing.T) {
	for _, c := range []struct {
		name           string
		noUDP, without bool
		want           string
	}{
		{"UDP passes", false, false, "h3"},
		{"UDP is dropped at the controller", true, false, "h2"},
		{"the client does without", false, true, "h2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t, c.noUDP)
			_, _, client := device(t, l, &control.Controller{NoQUIC: c.without}, "maya")
			h, err := client.Hello(t.Context())
			if err != nil || h.User != "maya" || h.Code {
				t.Fatalf("hello %+v, %v", h, err)
			}
			cookie, err := client.SignIn(t.Context(), wire.SignInRequest{User: "maya", Password: "time-and-tide"})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			var lane string
			err = client.Events(ctx, cookie, heard(func(l string) { lane = l }, func(s wire.Snapshot) {
				if s.User != "maya" || len(s.Tokens) != 1 {
					t.Errorf("snapshot of %s with %d tokens", s.User, len(s.Tokens))
				}
				cancel()
			}))
			if lane != c.want || !errors.Is(err, context.Canceled) {
				t.Errorf("lane %q, want %q; ended with %v", lane, c.want, err)
			}
		})
	}
}

func TestSignInRefusals(t *testing.T) {
	l := newLab(t, false)
	_, _, client := device(t, l, &control.Controller{}, "jonas")
	if h, err := client.Hello(t.Context()); err != nil || !h.Code {
		t.Fatalf("hello %+v, %v: jonas signs in with a code", h, err)
	}
	code, err := l.Code("jonas")
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]wire.SignInRequest{
		"wrong password":          {User: "jonas", Password: "x", Code: code},
		"right password, no code": {User: "jonas", Password: "wait-for-no-man"},
		"right password, bad one": {User: "jonas", Password: "wait-for-no-man", Code: "000000"},
	} {
		_, err := client.SignIn(t.Context(), r)
		var p *wire.Problem
		if !errors.As(err, &p) || p.Code != wire.CodeSignIn || p.Detail != "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := client.SignIn(t.Context(), wire.SignInRequest{User: "maya", Password: "time-and-tide"}); !isCode(err, wire.CodeOtherUser) {
		t.Errorf("another user: %v", err)
	}
	if _, err := client.SignIn(t.Context(), wire.SignInRequest{User: "jonas", Password: "wait-for-no-man", Code: code}); err != nil {
		t.Errorf("the right answers: %v", err)
	}
	for range 6 {
		_, err = client.SignIn(t.Context(), wire.SignInRequest{User: "jonas", Password: "x", Code: "1"})
	}
	var p *wire.Problem
	if !errors.As(err, &p) || p.Code != wire.CodeLockedOut || !p.Until.After(time.Now()) {
		t.Errorf("after many failures: %v", err)
	}
}

func TestDeviceReport(t *testing.T) {
	l := newLab(t, false)
	_, _, client := device(t, l, &control.Controller{}, "maya")
	cookie, err := client.SignIn(t.Context(), wire.SignInRequest{User: "maya", Password: "time-and-tide"})
	if err != nil {
		t.Fatal(err)
	}
	r := wire.DeviceReport{Claims: wire.DeviceClaims{"firewall": true, "addresses": []string{"192.0.2.7"}}}
	if err := client.Report(t.Context(), cookie, r); err != nil {
		t.Errorf("report: %v", err)
	}
	if err := client.Report(t.Context(), "bm9uc2Vuc2U", r); !isCode(err, wire.CodeNoSession) {
		t.Errorf("with a made-up cookie: %v", err)
	}
	r.Claims["odd"] = map[string]string{"no": "claim"}
	if err := client.Report(t.Context(), cookie, r); !isCode(err, wire.CodeBadRequest) {
		t.Errorf("what is no claim: %v", err)
	}
}

func TestCookieIsBoundToTheDeviceKey(t *testing.T) {
	l := newLab(t, false)
	c := &control.Controller{}
	_, _, mine := device(t, l, c, "maya")
	_, _, theirs := device(t, l, c, "maya")
	cookie, err := mine.SignIn(t.Context(), wire.SignInRequest{User: "maya", Password: "time-and-tide"})
	if err != nil {
		t.Fatal(err)
	}
	none := func(string) {}
	if err := theirs.Events(t.Context(), cookie, heard(none, func(wire.Snapshot) {})); !isCode(err, wire.CodeNoSession) {
		t.Errorf("a copied cookie: %v", err)
	}
	if err := mine.Events(t.Context(), "bm9uc2Vuc2U", heard(none, func(wire.Snapshot) {})); !isCode(err, wire.CodeNoSession) {
		t.Errorf("a made-up cookie: %v", err)
	}
	ended := make(chan error, 1)
	go func() {
		ended <- mine.Events(t.Context(), cookie, heard(none, func(wire.Snapshot) {
			go mine.SignOut(t.Context(), cookie) // the rightful session is alive; now it ends
		}))
	}()
	if err := <-ended; !isCode(err, wire.CodeSignedOut) {
		t.Errorf("after signing out: %v", err)
	}
}

// Signing out ends the event stream and asks the controller at once: the one
// must not take the other's connection away.
func TestSignOutReachesTheController(t *testing.T) {
	for _, noQUIC := range []bool{false, true} {
		l := newLab(t, false)
		_, _, client := device(t, l, &control.Controller{NoQUIC: noQUIC}, "maya")
		cookie, err := client.SignIn(t.Context(), wire.SignInRequest{User: "maya", Password: "time-and-tide"})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended, standing := make(chan error, 1), make(chan struct{})
		go func() {
			ended <- client.Events(ctx, cookie, heard(func(string) {}, func(wire.Snapshot) { close(standing) }))
		}()
		<-standing
		cancel()
		if err := client.SignOut(t.Context(), cookie); err != nil {
			t.Errorf("sign out: %v", err)
		}
		<-ended
		if err := client.Events(t.Context(), cookie, heard(func(string) {}, func(wire.Snapshot) {})); !isCode(err, wire.CodeNoSession) {
			t.Errorf("the session is alive after signing out: %v", err)
		}
	}
}

func TestControllerGoneAndBack(t *testing.T) {
	l := newLab(t, false)
	_, _, client := device(t, l, &control.Controller{}, "maya")
	cookie, err := client.SignIn(t.Context(), wire.SignInRequest{User: "maya", Password: "time-and-tide"})
	if err != nil {
		t.Fatal(err)
	}
	err = client.Events(t.Context(), cookie, heard(func(string) {}, func(wire.Snapshot) { go l.StopController() }))
	var p *wire.Problem
	if err == nil || errors.As(err, &p) {
		t.Fatalf("a controller that shuts down ends the stream with %v, and no session with it", err)
	}
	if err := l.StopController(); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Hello(t.Context()); err == nil || errors.As(err, &p) {
		t.Fatalf("no controller: %v", err)
	}
	if err := l.StartController(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err = client.Events(ctx, cookie, heard(func(string) {}, func(wire.Snapshot) { cancel() }))
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("the cookie did not outlive the controller's restart: %v", err)
	}
}
