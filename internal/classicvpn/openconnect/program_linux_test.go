package openconnect

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/classicvpn/vpntest"
	"github.com/tidegate/tidegate/session"
)

// program is an openconnect that says what no server here can be had to say.
func program(t *testing.T, script string) Engine {
	t.Helper()
	name := filepath.Join(t.TempDir(), "openconnect")
	if err := os.WriteFile(name, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return Engine{Path: name, Version: "9.01"}
}

// said is a shell's command that says that on standard error.
func said(s string) string { return "printf '%s' '" + strings.ReplaceAll(s, "'", `'\''`) + "' >&2\n" }

const session1 = "printf \"COOKIE='c'\\nHOST='h'\\nFINGERPRINT='f'\\n\"\n"

const challenge = "0123456789abcdef0123456789abcdef0123456789abcdef"

func TestPromptsThatNobodyKnows(t *testing.T) {
	for _, tt := range []struct {
		name, script string
		answers      []string
		want         []Form
	}{
		{"word for word", said("The gatekeeper speaks.\nAnswer me these\tquestions three.\n\nWhat is the air-speed of a swallow? ") + "read a\n[ \"$a\" = '24 mph' ] || exit 1\n" + session1, []string{"24 mph"}, []Form{
			{Message: "The gatekeeper speaks.\nAnswer me these questions three.", Fields: []session.VPNField{{Kind: session.VPNText, Label: "What is the air-speed of a swallow?"}}},
		}},
		{"without a word", "read a\n[ \"$a\" = x ] || exit 1\n" + session1, []string{"x"}, []Form{{Fields: []session.VPNField{{Kind: session.VPNText}}}}},
		{"what it hides", said("Mellon? ") + "stty -echo\nread a\nstty echo\n[ \"$a\" = friend ] || exit 1\n" + said("\nShown? ") + "read b\n" + session1, []string{"friend", "x"}, []Form{
			{Fields: []session.VPNField{{Kind: session.VPNPassword, Label: "Mellon?"}}},
			{Fields: []session.VPNField{{Kind: session.VPNText, Label: "Shown?"}}},
		}},
		{"letters that steer a terminal", said("Password:") + "read -r a\n[ \"$a\" = \"$(printf 'a\\003b\\004c\\025d\\177e\\\\ \\303\\251')\" ] || exit 1\n" + session1, []string{"a\x03b\x04c\x15d\x7fe\\ é"}, []Form{{Fields: []session.VPNField{{Kind: session.VPNPassword, Label: "Password"}}}}},
		{"one after the other", said("First:") + "read a\n" + said("Second:") + "read b\n[ $a$b = 12 ] || exit 1\n" + session1, []string{"1", "2"}, []Form{
			{Fields: []session.VPNField{{Kind: session.VPNText, Label: "First"}}},
			{Fields: []session.VPNField{{Kind: session.VPNText, Label: "Second"}}},
		}},
		{"what cannot be said in a line", said("Code:") + "read a\n[ \"$a\" = 1 ] || exit 1\n" + session1, []string{"1\n2", strings.Repeat("x", 1001), "1"}, []Form{
			{Fields: []session.VPNField{{Kind: session.VPNCode, Label: "Code"}}},
			{Error: "An answer is one line of at most 1000 letters.", Fields: []session.VPNField{{Kind: session.VPNCode, Label: "Code"}}},
			{Error: "An answer is one line of at most 1000 letters.", Fields: []session.VPNField{{Kind: session.VPNCode, Label: "Code"}}},
		}},
		{"what looks like a secret of openconnect's", said("We bake cookies: three a day.\nToken = the small grey thing\n"+strings.Repeat("=", 60)+"\nSee https://help.example/vpn?topic=codes\nThe challenge is "+challenge+"\nThe key="+challenge+" to that:") + "read a\n[ \"$a\" = 1 ] || exit 1\n" + session1, []string{"1"}, []Form{
			{Message: "We bake cookies: three a day.\nToken = the small grey thing\n" + strings.Repeat("=", 60) + "\nSee https://help.example/vpn?topic=codes\nThe challenge is " + challenge, Fields: []session.VPNField{{Kind: session.VPNText, Label: "The key=" + challenge + " to that"}}},
		}},
		{"a choice that is shown otherwise", said("Realm [yours]: [ Staff  members|Guests|Guests]:") + "IFS= read -r a\n[ \"$a\" = ' Staff  members' ] || exit 1\n" + session1, []string{"Staff members"}, []Form{
			{Fields: []session.VPNField{{Kind: session.VPNChoice, Label: "Realm [yours]", Choices: []string{"Staff members", "Guests"}}}},
		}},
		{"a pause within a question", said("Pass") + "sleep 1\n" + said("word:") + "read a\n" + session1, []string{"x"}, []Form{{Fields: []session.VPNField{{Kind: session.VPNPassword, Label: "Password"}}}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := &answers{values: tt.answers}
			s, err := program(t, tt.script).SignIn(t.Context(), session.VPNSettings{Address: "h", Protocol: session.VPNPulse, Fingerprint: "f"}, a)
			if err != nil || !s.Valid() {
				t.Fatalf("it is %v", err)
			}
			if diff := cmp.Diff(tt.want, a.forms); diff != "" {
				t.Errorf("the forms (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatSignInRefuses(t *testing.T) {
	question := "\nCertificate from VPN server \"h\" failed verification.\nReason: signer not found\nTo trust this server in future, perhaps add this to your command line:\n    --servercert " + labPin + "\n" + certificateQuestion
	for _, tt := range []struct {
		name, script string
		pinned       string
		want         session.VPNFailureCode
	}{
		{"a browser", said("[2026-11-22 08:57:11] SAML REDIRECT authentication is required via https://idp.example/?SAMLRequest=canary\n") + "exit 1", "f", session.VPNBrowser},
		{"a check of the machine", said("[2026-11-22 08:57:11] Pulse server requested Host Checker; not yet supported\nFailed to complete authentication\n") + "exit 1", "f", session.VPNHostChecker},
		{"a server of another key than is known", said(question) + "read a\n" + session1, "f", session.VPNOtherServer},
		{"a session of another key than was trusted", said(question) + "read a\n[ $a = yes ] || exit 1\n" + session1, "", session.VPNOtherServer},
		{"a session of a key that nobody was asked about", session1, "", session.VPNOtherServer},
		{"no session", "exit 0", "f", session.VPNFailed},
		{"no words", "exit 1", "f", session.VPNFailed},
		{"a crash", "kill -SEGV $$", "f", session.VPNFailed},
		{"a password and no more", said("Password:") + "read a\n" + said("\nLogin failed.\nFailed to complete authentication\n") + "exit 1", "f", session.VPNRefused},
		{"a session without end", "head -c 500000 /dev/zero | tr '\\0' x\nexit 0", "f", session.VPNFailed},
		{"words without end", "yes aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa | head -c 3000000 >&2\nexit 1", "f", session.VPNFailed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := program(t, tt.script).SignIn(t.Context(), session.VPNSettings{Address: "h", Protocol: session.VPNPulse, Fingerprint: tt.pinned}, &answers{values: []string{"x"}})
			f := is(t, err, tt.want)
			if strings.Contains(f.Detail, "canary") {
				t.Errorf("it tells %q", f.Detail)
			}
		})
	}
	if _, err := (Engine{Path: filepath.Join(t.TempDir(), "none"), Version: "9.01"}).SignIn(t.Context(), session.VPNSettings{Address: "h", Protocol: session.VPNPulse}, &answers{}); !errors.Is(err, ErrAbsent) {
		t.Errorf("one that has been removed is %v", err)
	}
}

// One that sends to a server as its connection breaks gets a SIGPIPE, of which
// openconnect knows nothing.
func TestBrokenPipeEndsNothing(t *testing.T) {
	e := program(t, "kill -PIPE $$\nread a\necho 'Configured as 10.0.0.1, with SSL connected and DTLS disabled'\nkill -PIPE $$\necho 'Cookie was rejected by server; exiting.'\nexit 2")
	r, err := e.Start(t.Context(), Session{cookie: "c", Host: "h", Fingerprint: "f"}, Tunnel{Device: "d", Hook: "true", Protocol: session.VPNPulse})
	if err != nil {
		t.Fatal(err)
	}
	is(t, waits(t, r), session.VPNExpired)
}

// What it has started and left behind does not keep a sign-in from its end.
func TestSignInEndsWithTheProgram(t *testing.T) {
	pid := filepath.Join(t.TempDir(), "pid")
	e := program(t, said("Access denied\n")+"sleep 600 &\necho $! >"+pid+"\nexit 1")
	t.Cleanup(func() {
		var n int
		if b, err := os.ReadFile(pid); err != nil {
			t.Error(err)
		} else if _, err := fmt.Sscan(string(b), &n); err != nil {
			t.Error(err)
		} else {
			syscall.Kill(n, syscall.SIGKILL)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), vpntest.Patience)
	defer cancel()
	_, err := e.SignIn(ctx, session.VPNSettings{Address: "h", Protocol: session.VPNPulse, Fingerprint: "f"}, &answers{})
	is(t, err, session.VPNRefused)
}

// Only a password that is asked for again is asked for in a conversation of its own: a
// new one, once the old one has expired, is not.
func TestSignInGoesOnWithANewPassword(t *testing.T) {
	e := program(t, said("Please enter your password.\nPassword:")+"read a\n[ \"$a\" = old ] || exit 1\n"+said("\nYour password has expired.\nPlease enter a new one.\nPassword:")+"read b\n[ \"$b\" = new ] || exit 1\n"+session1)
	a := &answers{values: []string{"old", "new", "", ""}}
	if _, err := e.SignIn(t.Context(), session.VPNSettings{Address: "h", Protocol: session.VPNAnyConnect, Fingerprint: "f"}, a); err != nil {
		t.Fatalf("it is %v, after %+v", err, a.forms)
	}
	want := []Form{
		{Message: "Please enter your password.", Fields: []session.VPNField{{Kind: session.VPNPassword, Label: "Password"}}},
		{Message: "Please enter a new one.", Error: "Your password has expired.", Fields: []session.VPNField{{Kind: session.VPNPassword, Label: "Password"}}},
	}
	if diff := cmp.Diff(want, a.forms); diff != "" {
		t.Errorf("the forms (-want +got):\n%s", diff)
	}
}

// A password that stands in what asks for it, too, is asked for as any other.
func TestSignInByAWordOfTheForm(t *testing.T) {
	const ask = "Please enter your Password.\nPassword:"
	e := program(t, said(ask)+"read p\n[ \"$p\" = right ] || { "+said("\nLogin failed.\n"+ask)+"read q; exit 1; }\n"+session1)
	a := &answers{values: []string{"Password", "right"}}
	if _, err := e.SignIn(t.Context(), session.VPNSettings{Address: "h", Protocol: session.VPNAnyConnect, Fingerprint: "f"}, a); err != nil {
		t.Errorf("it is %v, after %+v", err, a.forms)
	}
	r := &redactor{}
	r.hide("Password")
	if f := field("Password:", "", r, "", ""); f.Kind != session.VPNPassword || f.Label != removed {
		t.Errorf("it is %+v", f)
	}
}

// A server that sends on to another is trusted as both, also when it is all asked anew.
func TestSignInAnewTrustsAsBefore(t *testing.T) {
	asks := func(host, pin string) string {
		return said("\nCertificate from VPN server \""+host+"\" failed verification.\nReason: signer not found\nTo trust this server in future, perhaps add this to your command line:\n    --servercert "+pin+"\n"+certificateQuestion) + "read yes\n[ \"$yes\" = yes ] || exit 1\n"
	}
	other := "pin-sha256:" + strings.Repeat("B", 43) + "="
	const ask = "Please enter your password.\nPassword:"
	e := program(t, "case \"$*\" in *--servercert*) exit 1;; esac\n"+asks("a", labPin)+asks("b", other)+said(ask)+"read p\n[ \"$p\" = right ] || { "+said("\nLogin failed.\n"+ask)+"read q; exit 1; }\n"+
		"printf \"COOKIE='c'\\nHOST='h'\\nFINGERPRINT='"+other+"'\\n\"\n")
	a := &answers{values: []string{"wrong", "right"}}
	s, err := e.SignIn(t.Context(), session.VPNSettings{Address: "h", Protocol: session.VPNAnyConnect}, a)
	if err != nil || s.Fingerprint != other || len(a.shown) != 2 || len(a.forms) != 2 || a.forms[1].Error != "Login failed." {
		t.Errorf("it is %v, of %v, after %+v and %+v", err, s.Fingerprint, a.shown, a.forms)
	}
}
