package openconnect

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/session"
)

// The canaries: none may be found in what is told.
const (
	canaryPassword = "canary of a password"
	canaryCode     = "731902"
	canaryPIN      = "7x3"
	canaryStrap    = "MHcCAQEEIBLKSX2Dwo508O"
	canaryWebVPN   = "AEVXjghnnj1N7y7U4TBahDyaOiH7"
	canaryToken    = "hook-token-0123456789"
)

func tellsNothing(t *testing.T, what, told string) {
	t.Helper()
	for _, canary := range []string{canaryPassword, canaryCode, canaryPIN, canaryStrap, canaryWebVPN, canaryToken} {
		if strings.Contains(told, canary) {
			t.Errorf("%s tells %q: %s", what, canary, told)
		}
	}
}

func TestSessionTellsNothing(t *testing.T) {
	s, err := result("COOKIE='openconnect_strapkey=" + canaryStrap + "; webvpn=" + canaryWebVPN + "'\nHOST='h'\nFINGERPRINT='f'\nCONNECT_URL='https://h/'\n")
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(map[string]any{"by value": s, "by pointer": &s})
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(h).Info("a session", "session", s, "pointer", &s, "within", struct{ S Session }{s})
	}
	for what, told := range map[string]string{
		"JSON": string(b), "the log": log.String(),
		"%v": fmt.Sprintf("%v %v", s, &s), "%+v": fmt.Sprintf("%+v %+v", s, &s), "%#v": fmt.Sprintf("%#v %#v", s, &s), "%s": fmt.Sprintf("%s %s", s, &s), "%q": fmt.Sprintf("%q", s),
		"within": fmt.Sprintf("%+v %#v", struct{ S Session }{s}, struct{ S *Session }{&s}),
	} {
		tellsNothing(t, what, told)
	}
}

// A server may say again what it was told, and openconnect may say what it should not.
func TestNothingSecretIsTold(t *testing.T) {
	e := program(t, said("Password:")+"read a\n"+said("\nSo, "+canaryPassword+" it is.\nPassword: "+canaryPassword+" is wrong\nToken:")+"read b\n"+
		said("PIN "+canaryCode+"? PIN:")+"read c\n"+
		said("[2026-11-22 08:57:11] Set-Cookie: webvpn="+canaryWebVPN+"\nYour PIN "+canaryPIN+", your code "+canaryCode+", your password "+canaryPassword+", DSID="+canaryWebVPN+" "+canaryStrap+"+xyzxyzxyzxyz and https://h/x?"+canaryToken+"\n")+"exit 1")
	a := &answers{values: []string{canaryPassword, canaryCode, canaryPIN}}
	_, err := e.SignIn(t.Context(), session.VPNSettings{Address: "h", Protocol: session.VPNPulse, Fingerprint: "f"}, a)
	var f *Failure
	if !errors.As(err, &f) || !strings.Contains(f.Detail, "your code "+removed) {
		t.Errorf("it is %v", err)
	}
	tellsNothing(t, "the error", fmt.Sprintf("%v %+v %#v", err, f, f))
	tellsNothing(t, "the forms", fmt.Sprintf("%+v", a.forms))
	if len(a.forms) != 3 {
		t.Errorf("it asked %+v", a.forms)
	}
}

func TestWhatLooksSecretIsNotTold(t *testing.T) {
	for line, want := range map[string]string{
		"Invalid cookie '" + canaryWebVPN + "'":                          "Invalid cookie : [removed]",
		"Set-Cookie: webvpn=" + canaryWebVPN + "; path=/":                "Set-Cookie: [removed]",
		"Cookie: DSID=" + canaryCode:                                     "Cookie: [removed]",
		"Got new DSPREAUTH cookie from TNCC: " + canaryWebVPN:            "Got new DSPREAUTH cookie from TNCC: [removed]",
		"MRHSession=" + canaryCode + "; F5_ST=" + canaryCode:             "MRHSession=[removed]; F5_ST=[removed]",
		"at https://h/p?token=" + canaryCode + "#x now":                  "at https://h/p?[removed] now",
		"it is " + strings.Repeat(canaryPIN, 20):                         "it is [removed]",
		"Cookie was rejected by server; exiting.":                        "Cookie was rejected by server; exiting.",
		"HTTP/1.1 401 Cookie is not acceptable":                          "HTTP/1.1 401 Cookie is not acceptable",
		"match server's certificate: " + labPin:                          "match server's certificate: " + labPin,
		"Ciphersuite (DTLS1.2)-(PSK)-(AES-256-GCM).":                     "Ciphersuite (DTLS1.2)-(PSK)-(AES-256-GCM).",
		"(TLS1.3)-(ECDHE-SECP256R1)-(RSA-PSS-RSAE-SHA256)-(AES-256-GCM)": "(TLS1.3)-(ECDHE-SECP256R1)-(RSA-PSS-RSAE-SHA256)-(AES-256-GCM)",
	} {
		if got := (&redactor{}).line(line, maxWord); got != want {
			t.Errorf("of %q it tells %q, want %q", line, got, want)
		}
	}
	r := &redactor{}
	r.hide("a")
	r.hide("é1")
	if got := r.line("a cat sat at a mat, a", maxWord); got != "[removed] cat sat at [removed] mat, [removed]" {
		t.Errorf("of words it tells %q", got)
	}
}

func TestNothingOfATunnelIsTold(t *testing.T) {
	e := program(t, "read cookie\necho \"Configured as 10.0.0.1, with SSL connected and DTLS disabled\"\necho \"got $cookie of $TIDEGATE_VPN_TOKEN by $*\"\necho 'X-DTLS: "+canaryWebVPN+"'\necho \"Odd: webvpn="+canaryWebVPN+" $cookie\"\nexit 1")
	var log bytes.Buffer
	r, err := e.Start(t.Context(), Session{cookie: "openconnect_strapkey=" + canaryStrap + "; webvpn=" + canaryWebVPN, Host: "h", Fingerprint: "f"}, Tunnel{
		Device: "tidev7", Hook: "true", Protocol: session.VPNPulse, Env: []string{"TIDEGATE_VPN_TOKEN=" + canaryToken},
		Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	err = waits(t, r)
	is(t, err, session.VPNFailed)
	tellsNothing(t, "the error", err.Error())
	tellsNothing(t, "the log", log.String())
	if !strings.Contains(log.String(), "Configured as 10.0.0.1") {
		t.Errorf("the log is %s", log.String())
	}
}
