package gather

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/pem"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tidegate/tidegate/app/diag"
	"github.com/tidegate/tidegate/internal/lab"
	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
	"github.com/tidegate/tidegate/session/control"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// device is a device enrolled with a lab.
func device(t *testing.T, noQUIC bool) (*lab.Lab, session.Enrolled, Peers) {
	t.Helper()
	l, err := lab.Start(t.Context(), lab.Options{Config: lab.DefaultConfig().Quick(), Dir: t.TempDir(), NoQUIC: noQUIC})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	link, err := l.Link(t.Context(), "maya")
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	e, err := (&control.Controller{}).Enrol(t.Context(), link, key)
	if err != nil {
		t.Fatal(err)
	}
	p := Peers{Identity: session.Identity{Device: e.Device, Key: key}, Gateways: []wire.Gateway{{Name: "gw", Address: l.Gateway()}}}
	for b, rest := pem.Decode([]byte(e.Certificate)); b != nil; b, rest = pem.Decode(rest) {
		p.Identity.Certificate = append(p.Identity.Certificate, b.Bytes)
	}
	ca, _ := pem.Decode([]byte(e.CA))
	p.Identity.CA = ca.Bytes
	return l, e, p
}

func diagnose(t *testing.T, o Options) (diag.Report, map[string]diag.Check) {
	t.Helper()
	if o.Getenv == nil {
		o.Getenv = func(string) string { return "" }
	}
	o.Helper = t.TempDir() + "/none"
	var last diag.Progress
	r, err := New(o).Diagnose(t.Context(), func(p diag.Progress) {
		if p.Done != 0 && p.Done != last.Done+1 || p.Total == 0 {
			t.Errorf("progress %+v after %+v", p, last)
		}
		last = p
	})
	if err != nil {
		t.Fatal(err)
	}
	if last.Done != last.Total {
		t.Errorf("the last progress is %+v", last)
	}
	checks := map[string]diag.Check{}
	for _, c := range r.Checks {
		if _, twice := checks[c.ID]; twice {
			t.Errorf("%s is there twice", c.ID)
		}
		if (c.Outcome == diag.Bad || c.Outcome == diag.Warning) && c.Fix == "" || c.Text == "" || c.Title == "" {
			t.Errorf("nothing is to be done, or said: %+v", c)
		}
		checks[c.ID] = c
	}
	return r, checks
}

// outcomes compares what checks came to.
func outcomes(t *testing.T, checks map[string]diag.Check, want map[string]diag.Outcome) {
	t.Helper()
	for id, o := range want {
		if c, ok := checks[id]; !ok || c.Outcome != o {
			t.Errorf("%s is to be %q: %+v", id, o, c)
		}
	}
}

func enrolledAs(e session.Enrolled) func() (session.Enrolled, error) {
	return func() (session.Enrolled, error) { return e, nil }
}

func TestAllIsWell(t *testing.T) {
	t.Parallel()
	_, e, p := device(t, false)
	_, checks := diagnose(t, Options{Version: "1", Enrolled: enrolledAs(e), Peers: func() Peers { return p }})
	outcomes(t, checks, map[string]diag.Outcome{
		"enrolment": diag.Good, "device-certificate": diag.Good, "running": diag.Bad,
		"controller-name": diag.Good, "controller-quic": diag.Good, "controller-tls": diag.Good, "controller-mtu": diag.Good, "clock": diag.Good,
		"gateway-gw-quic": diag.Good, "gateway-gw-tls": diag.Good, "gateway-gw-mtu": diag.Good,
		"helper": diag.Warning, "proxies": diag.Good,
	})
	if c := checks["controller-mtu"]; !strings.Contains(c.Text, "1472") {
		t.Errorf("the path is %+v", c)
	}
	if c := checks["clock"]; strings.Contains(c.Text, "500 ms") {
		t.Errorf("the controller's own time was not asked for: %+v", c)
	}
	if _, refused := checks["controller-refuses"]; refused {
		t.Error("the controller refuses its device")
	}
}

// A device that is not signed in has no key at hand: the controller is looked at
// all the same.
func TestSignedOut(t *testing.T) {
	t.Parallel()
	_, e, _ := device(t, false)
	_, checks := diagnose(t, Options{Enrolled: enrolledAs(e), State: func(context.Context) (session.State, error) {
		return session.State{Control: session.ControlChannel{Phase: session.ControlSignedOut}}, nil
	}})
	outcomes(t, checks, map[string]diag.Outcome{"sign-in": diag.Warning, "controller-quic": diag.Good, "controller-tls": diag.Good, "clock": diag.Good})
	if _, refused := checks["controller-refuses"]; refused {
		t.Error("the refusal of who shows no certificate is told")
	}
}

func TestUDPIsDropped(t *testing.T) {
	t.Parallel()
	_, e, p := device(t, true)
	_, checks := diagnose(t, Options{Enrolled: enrolledAs(e), Peers: func() Peers { return p }})
	outcomes(t, checks, map[string]diag.Outcome{
		"controller-quic": diag.Warning, "controller-tls": diag.Good, "controller-mtu": diag.Unknown, "gateway-gw-tls": diag.Good,
	})
	if c := checks["controller-quic"]; !strings.Contains(c.Fix, "allow UDP to port") {
		t.Errorf("%+v", c)
	}
}

func TestNothingIsReached(t *testing.T) {
	t.Parallel()
	l, e, p := device(t, false)
	l.Close()
	begun := time.Now()
	_, checks := diagnose(t, Options{Enrolled: enrolledAs(e), Peers: func() Peers { return p }})
	outcomes(t, checks, map[string]diag.Outcome{"controller-quic": diag.Bad, "controller-tls": diag.Bad, "gateway-gw-quic": diag.Bad, "gateway-gw-tls": diag.Bad})
	if took := time.Since(begun); took > 2*whole {
		t.Errorf("it took %v", took)
	}
}

// Somebody else at the controller's address is told apart from a network that
// does not lead there.
func TestSomebodyElseAnswers(t *testing.T) {
	t.Parallel()
	_, e, _ := device(t, false)
	_, other, _ := device(t, false)
	e.Controller = other.Controller
	_, checks := diagnose(t, Options{Enrolled: enrolledAs(e)})
	outcomes(t, checks, map[string]diag.Outcome{"controller-quic": diag.Bad, "controller-tls": diag.Bad})
	if c := checks["controller-tls"]; !strings.Contains(c.Fix, "Somebody else answers") {
		t.Errorf("%+v", c)
	}
}

func TestClock(t *testing.T) {
	at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name string
		p    control.Probed
		want diag.Outcome
		text string
	}{
		{"right", control.Probed{At: at, Ours: at.Add(20 * time.Millisecond), Answered: 30 * time.Millisecond}, diag.Good, "is 20 ms ahead"},
		{"behind", control.Probed{At: at, Ours: at.Add(-6 * time.Second), Answered: 30 * time.Millisecond}, diag.Warning, "is 6 s behind"},
		{"within what is not known", control.Probed{At: at, Ours: at.Add(-6 * time.Second), Answered: 4 * time.Second, Rough: true}, diag.Good, "is 6 s behind"},
		{"far off", control.Probed{At: at, Ours: at.Add(time.Hour)}, diag.Bad, "is 1 h 0 min ahead"},
		{"far, far off", control.Probed{At: at, Ours: at.Add(-1000 * time.Hour)}, diag.Bad, "is 41 d 16 h behind"},
		{"minutes", control.Probed{At: at, Ours: at.Add(4*time.Minute + 12*time.Second)}, diag.Bad, "is 4 min 12 s ahead"},
		{"not told", control.Probed{Ours: at}, diag.Unknown, "does not tell"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if c := clock(tt.p); c.outcome != tt.want || !strings.Contains(c.text.english, tt.text) {
				t.Errorf("%+v", c)
			}
		})
	}
}

// A server behind a tunnel answers what is small enough to arrive.
func TestNarrowPath(t *testing.T) {
	t.Parallel()
	server, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		var b [2048]byte
		for {
			n, from, err := server.ReadFromUDPAddrPort(b[:])
			if err != nil {
				return
			}
			if n > 1252 {
				continue
			}
			answer := append([]byte{0x80, 0, 0, 0, 0}, b[14:23]...) // its source is our destination
			answer = append(append(answer, b[5:14]...), 0, 0, 0, 1)
			server.WriteToUDPAddrPort(answer, from)
		}
	}()
	defer func() { server.Close(); <-ended }()
	r := run{}
	f := r.path(t.Context(), "x", as("the size"), server.LocalAddr().String())
	if c := f.checks[0]; c.outcome != diag.Warning || !strings.Contains(c.text.english, "1252 bytes") {
		t.Errorf("%+v", c)
	}
}

// What the window shows is in the user's language, what is saved in English.
func TestOtherLanguages(t *testing.T) {
	t.Cleanup(func() { lang.Set("en") })
	lang.Set("de")
	o := Options{Version: "1", Enrolled: enrolledAs(session.Enrolled{}), State: func(context.Context) (session.State, error) {
		at := time.Date(2026, 3, 4, 9, 5, 7, 0, time.Local)
		return session.State{
			Keychain: session.KeychainLocked,
			User:     session.User{Name: "maya", Expires: at},
			Control:  session.ControlChannel{Phase: session.ControlEstablished, Transport: "h3", Since: at},
			Sites:    []session.Site{{ID: "hq", Name: "Acme", State: session.Connected, Gateway: "gw-1", Lane: "h2", Flows: 1}},
		}, nil
	}}
	r, checks := diagnose(t, o)
	for id, want := range map[string][2]diag.Words{
		"keychain": {{Title: "Keychain", Text: "It is locked, so your sign-in lasts for this run only.", Fix: "Unlock the keychain of your desktop, and start Tidegate again."},
			{Title: "Schlüsselbund", Text: "Er ist gesperrt, daher gilt Ihre Anmeldung nur bis zum Beenden von Tidegate.", Fix: "Entsperren Sie den Schlüsselbund Ihres Desktops, und starten Sie Tidegate neu."}},
		"sign-in":         {{Title: "Sign-in", Text: "maya is signed in until 4 Mar 09:05."}, {Title: "Anmeldung", Text: "maya ist angemeldet bis 4. März 09:05."}},
		"control-channel": {{Title: "Control channel", Text: "It stands, over QUIC (UDP), since 4 Mar 09:05:07."}, {Title: "Steuerkanal", Text: "Er steht, über QUIC (UDP), seit 4. März 09:05:07."}},
		"site-hq": {{Title: "Data channel to Acme", Text: "Connected, 1 open connection, by gw-1 over TLS (TCP)."},
			{Title: "Datenkanal zu Acme", Text: "Verbunden, 1 offene Verbindung, durch gw-1 über TLS (TCP)."}},
	} {
		c := checks[id]
		if got := [2]diag.Words{{Title: c.Title, Text: c.Text, Fix: c.Fix}, c.Shown()}; got != want {
			t.Errorf("%s: %+v\nwant %+v", id, got, want)
		}
	}
	if c := checks["helper"]; c.Shown() == (diag.Words{Title: c.Title, Text: c.Text, Fix: c.Fix}) {
		t.Errorf("%+v", c)
	}
	for _, f := range r.Files {
		if strings.Contains(f.Text, "Schlüsselbund") || strings.Contains(f.Name, ".json") && strings.Contains(f.Text, `"here"`) {
			t.Errorf("%s is not in English alone", f.Name)
		}
	}
	lang.Set("en")
	if _, checks = diagnose(t, o); checks["keychain"].Here != (diag.Words{}) {
		t.Errorf("what is English is said twice: %+v", checks["keychain"])
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add([]byte{0x80, 0, 0, 0, 0, 8, 1, 2, 3, 4, 5, 6, 7, 2})
	f.Fuzz(func(t *testing.T, b []byte) {
		tr := trial{name: [7]byte{1, 2, 3, 4, 5, 6, 7}}
		if i, ok := tr.answer(b); ok && (i < 0 || i >= len(sizes)) {
			t.Errorf("%d", i)
		}
	})
}
