package openconnect

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/session"
)

// What is in testdata was said by openconnect 9.01 about ocserv 1.1.6, about a web
// server that is no VPN, and about nobody.
func recorded(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

const labPin = "pin-sha256:pCkfVa7pFddq4xQq1TH+yDyasiOCPHrfdC0iRQKJTIA="

func TestPrompts(t *testing.T) {
	text := func(kind session.VPNFieldKind, label, value string) []session.VPNField {
		return []session.VPNField{{Kind: kind, Label: label, Value: value}}
	}
	certificate := Certificate{Host: "10.50.0.2", Fingerprint: labPin, Reason: "signer not found"}
	username := Form{Message: "Please enter your username.", Fields: text(session.VPNText, "Username", "alice")}
	password := Form{Message: "Please enter your password.", Fields: text(session.VPNPassword, "Password", "")}
	again := Form{Message: "Please enter your password.", Error: "Login failed.", Fields: text(session.VPNPassword, "Password", "")}
	groups := []session.VPNField{{Kind: session.VPNChoice, Label: "Group", Choices: []string{"DEFAULT", "Staff members", "Guests"}, Value: "Guests"}}
	const askGroup = "Group: [DEFAULT|Staff members|Guests]:"
	for _, tt := range []struct {
		name  string
		asked []string // the unfinished lines at which it waited
		want  []any
	}{
		{"right", []string{certificateQuestion, "Username:", "Password:"}, []any{certificate, username, password}},
		{"wrong-password-thrice", []string{"Password:", "Password:", "Password:"}, []any{password, again, again}},
		{"code", []string{"Password:", "Password:"}, []any{password, Form{Message: "Please enter your OTP password.", Fields: text(session.VPNCode, "Password", "")}}},
		{"group", []string{askGroup, "Password:"}, []any{Form{Message: "Please enter your username.", Fields: groups}, password}},
		{"wrong-group", []string{askGroup, askGroup}, []any{
			Form{Message: "Please enter your username.", Fields: groups},
			Form{Error: `Auth choice "Zuests" not available`, Fields: groups},
		}},
		{"distrusted", []string{certificateQuestion, certificateQuestion}, []any{certificate, certificate}},
		{"plain-https-f5", []string{"username:"}, []any{Form{Fields: text(session.VPNText, "username", "alice")}}},
		{"plain-https-fortinet", []string{"Username: "}, []any{Form{Fields: text(session.VPNText, "Username", "alice")}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rest := recorded(t, "signin/"+tt.name+".txt")
			var said transcript
			for n, ask := range tt.asked {
				i := strings.Index(rest, ask)
				if i < 0 {
					t.Fatalf("there is no %q", ask)
				}
				for j := range rest[:i+len(ask)] { // as it may come: byte by byte
					said.add([]byte{rest[j]})
				}
				rest = rest[i+len(ask):]
				var got any
				if c, ok := said.certificate(); ok {
					got = c
				} else {
					got = said.form(&redactor{}, "alice", "Guests")
				}
				if diff := cmp.Diff(tt.want[n], got); diff != "" {
					t.Errorf("at %q (-want +got):\n%s", ask, diff)
				}
				said.answered()
			}
		})
	}
}

func TestField(t *testing.T) {
	type field = session.VPNField
	for _, tt := range []struct {
		ask, message string
		want         field
	}{
		{"Username:", "", field{Kind: session.VPNText, Label: "Username", Value: "alice"}},
		{"Benutzername: ", "", field{Kind: session.VPNText, Label: "Benutzername", Value: "alice"}},
		{"Enter user name:", "", field{Kind: session.VPNText, Label: "Enter user name", Value: "alice"}},
		{"Passwort:", "", field{Kind: session.VPNPassword, Label: "Passwort"}},
		{"Secondary password:", "", field{Kind: session.VPNCode, Label: "Secondary password"}},
		{"Password:", "Please enter the token code from your authenticator", field{Kind: session.VPNCode, Label: "Password"}},
		{"Response:", "", field{Kind: session.VPNCode, Label: "Response"}},
		{"Enter PIN:", "", field{Kind: session.VPNCode, Label: "Enter PIN"}},
		{"Please enter your passcode:", "", field{Kind: session.VPNCode, Label: "Please enter your passcode"}},
		{"Enter Pulse user realm:", "", field{Kind: session.VPNText, Label: "Enter Pulse user realm"}},
		{"What is your mother's shoe size [in cm]: ", "", field{Kind: session.VPNText, Label: "What is your mother's shoe size [in cm]"}},
		{"GATEWAY: [Paris|New York (best)]:", "", field{Kind: session.VPNChoice, Label: "GATEWAY", Choices: []string{"Paris", "New York (best)"}}},
		{"Realm: [a\x1b[2J|b]:", "", field{Kind: session.VPNChoice, Label: "Realm", Choices: []string{"a[2J", "b"}}},
		{"Group: [Staff [internal]|Guests]:", "", field{Kind: session.VPNChoice, Label: "Group", Choices: []string{"Staff [internal]", "Guests"}}},
		{"Group: [Staff [internal|Guests]:", "", field{Kind: session.VPNChoice, Label: "Group", Choices: []string{"Staff [internal", "Guests"}}},
		{"Group (see [1]): [Staff|Guests]:", "", field{Kind: session.VPNChoice, Label: "Group (see [1])", Choices: []string{"Staff", "Guests"}}},
		{"Group: [|]:", "", field{Kind: session.VPNText, Label: "Group: [|]"}},
		{"", "", field{Kind: session.VPNText}},
		{"\x1b]0;evil\x07Name:", "", field{Kind: session.VPNText, Label: "]0;evilName"}},
	} {
		t.Run(tt.ask, func(t *testing.T) {
			got := fieldOf(tt.ask, tt.message)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func fieldOf(ask, message string) session.VPNField {
	return field(ask, message, &redactor{}, "alice", "")
}

// A server's form that looks like openconnect's own question is nothing but a form
// unless it is that question to the letter.
func TestCertificateQuestionIsWhole(t *testing.T) {
	question := "\nCertificate from VPN server \"vpn.example\" failed verification.\nReason: signer not found\nTo trust this server in future, perhaps add this to your command line:\n    --servercert " + labPin + "\n" + certificateQuestion
	for name, s := range map[string]string{
		"another pin":  strings.Replace(question, labPin, "sha1:00", 1),
		"no host":      strings.Replace(question, "Certificate from", "A word from", 1),
		"no reason":    strings.Replace(question, "Reason:", "Because:", 1),
		"another end":  question + " ",
		"the end only": certificateQuestion,
	} {
		t.Run(name, func(t *testing.T) {
			var said transcript
			said.add([]byte(s))
			if c, ok := said.certificate(); ok {
				t.Errorf("it is %+v", c)
			}
		})
	}
	var said transcript
	said.add([]byte(question))
	if _, ok := said.certificate(); !ok {
		t.Error("the question itself is none")
	}
}

func TestWhyNobodySignedIn(t *testing.T) {
	for name, want := range map[string]session.VPNFailure{
		"wrong-password-thrice":  {Code: session.VPNRefused, Detail: "Got HTTP response: HTTP/1.1 401 Authentication failed"},
		"wrong-code":             {Code: session.VPNRefused, Detail: "Got HTTP response: HTTP/1.1 401 Authentication failed"},
		"other-server":           {Code: session.VPNOtherServer, Detail: "None of the 1 fingerprint(s) specified via --servercert match server's certificate: " + labPin},
		"refused-connection":     {Code: session.VPNUnreachable, Detail: "Failed to connect to 10.50.0.1:443: Connection refused"},
		"no-route":               {Code: session.VPNUnreachable, Detail: "Failed to connect to 10.51.0.1:443: Network is unreachable"},
		"no-name":                {Code: session.VPNUnreachable, Detail: "getaddrinfo failed for host 'vpn.nowhere.invalid': Temporary failure in name resolution"},
		"plain-http":             {Code: session.VPNNoServer, Detail: "SSL connection failure: An unexpected TLS packet was received."},
		"plain-https-anyconnect": {Code: session.VPNNoServer, Detail: `XML response has no "auth" node`},
		"plain-https-gp":         {Code: session.VPNNoServer, Detail: "Unexpected 501 result from server"},
		"plain-https-nc":         {Code: session.VPNNoServer, Detail: "Failed to find or parse web form in login page"},
		"plain-https-pulse":      {Code: session.VPNNoServer, Detail: "Unexpected 200 result from server"},
	} {
		t.Run(name, func(t *testing.T) {
			var said transcript
			said.add([]byte(recorded(t, "signin/"+name+".txt")))
			if diff := cmp.Diff(want, said.refused(&redactor{}).VPNFailure); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhyATunnelEnded(t *testing.T) {
	for _, tt := range []struct {
		name string
		exit int
		want session.VPNFailure
	}{
		{"cookie-refused", 2, session.VPNFailure{Code: session.VPNExpired, Detail: "Cookie was rejected by server; exiting."}},
		{"other-server", 1, session.VPNFailure{Code: session.VPNOtherServer, Detail: "None of the 1 fingerprint(s) specified via --servercert match server's certificate: " + labPin}},
		{"refused-connection", 1, session.VPNFailure{Code: session.VPNUnreachable, Detail: "Failed to connect to 10.50.0.1:443: Connection refused"}},
		{"plain-https", 1, session.VPNFailure{Code: session.VPNNoServer, Detail: "Got inappropriate HTTP CONNECT response: HTTP/1.0 501 Unsupported method ('CONNECT')"}},
		{"no-device", 1, session.VPNFailure{Code: session.VPNFailed, Detail: "Set up tun device failed"}},
		{"server-stops", 1, session.VPNFailure{Code: session.VPNEnded, Detail: "Session terminated by server; exiting."}},
		{"server-crashes", 1, session.VPNFailure{Code: session.VPNLost, Detail: "CSTP reconnect failed; exiting"}},
		{"link-lost", 1, session.VPNFailure{Code: session.VPNLost, Detail: "CSTP reconnect failed; exiting"}},
		{"stop", 0, session.VPNFailure{Code: session.VPNFailed, Detail: "something else on this machine ended openconnect"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := &Running{}
			for line := range strings.Lines(recorded(t, "tunnel/"+tt.name+".txt")) {
				r.note(strings.TrimSuffix(line, "\n"))
			}
			if diff := cmp.Diff(tt.want, ended(tt.exit, false, r.lines, r.connected, &r.hidden).VPNFailure); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// What no server here says stands in openconnect's own tables of words.
func TestWordsOfOpenconnect(t *testing.T) {
	for line, want := range map[string]session.VPNFailureCode{
		"Pulse server requested Host Checker; not yet supported":                                        session.VPNHostChecker,
		"Error: Server asked us to run CSD hostscan.":                                                   session.VPNHostChecker,
		"Error: Server asked us to download and run a 'Cisco Secure Desktop' trojan.":                   session.VPNHostChecker,
		"You need to provide a suitable --csd-wrapper argument.":                                        session.VPNHostChecker,
		"Form action (https://x/dana-na/auth/url) likely indicates that TNCC/Host Checker failed.":      session.VPNHostChecker,
		"SAML REDIRECT authentication is required via https://idp.example/sso?SAMLRequest=fZJNT8MwDIbv": session.VPNBrowser,
		"No SSO handler": session.VPNBrowser,
		"Failed to spawn external browser for https://x/":                      session.VPNBrowser,
		"Authentication failure: Account locked out":                           session.VPNRefused,
		"Authentication failure: Code 0x0d":                                    session.VPNRefused,
		"Server requested SSL client certificate; none was configured":         session.VPNRefused,
		"VPN session expired":                                                  session.VPNExpired,
		"Server terminated connection (session expired)":                       session.VPNExpired,
		"Pulse authentication cookie not accepted":                             session.VPNExpired,
		"Cookie is no longer valid, ending session":                            session.VPNExpired,
		"Server terminated connection (idle timeout)":                          session.VPNEnded,
		"Client connection terminated":                                         session.VPNEnded,
		"SSL connection failure: Error in the pull function.":                  session.VPNUnreachable,
		"Failed to connect to 10.0.0.1:443: Connection timed out":              session.VPNUnreachable,
		"Failed to connect to [fd00::1]:443: Resource temporarily unavailable": session.VPNUnreachable,
		"Unexpected response to IF-T/TLS version negotiation:":                 session.VPNNoServer,
		"Something that nobody has seen":                                       session.VPNFailed,
	} {
		t.Run(line, func(t *testing.T) {
			f := classify([]string{line, "Failed to complete authentication", "Unknown error; exiting."}, &redactor{})
			if f.Code != want {
				t.Errorf("it is %s, want %s", f.Code, want)
			}
			if strings.Contains(f.Detail, "SAMLRequest") {
				t.Errorf("it tells %s", f.Detail)
			}
		})
	}
}

func TestTransport(t *testing.T) {
	r := &Running{}
	var got []string
	for line := range strings.Lines(recorded(t, "tunnel/stop.txt") + recorded(t, "tunnel/link-lost.txt")) {
		was := r.transport
		if r.note(strings.TrimSuffix(line, "\n")); r.transport != was {
			got = append(got, r.transport)
		}
	}
	for _, line := range []string{"Configured as 10.0.0.2 + fd00::2, with SSL connected and ESP in progress", "ESP session established with server", "ESP detected dead peer",
		"Configured as 10.0.0.2, with SSL disconnected and ESP established", "Configured as 10.0.0.2, with SSL + LZ4 connected and DTLS + LZ4 in progress",
		"Configured as 10.0.0.2, with SSL + LZ4 connected and DTLS + LZ4 established", "Failed to connect ESP tunnel; using HTTPS instead.", "Configured as 10.0.0.2, with SSL connected and DTLS disabled"} {
		was := r.transport
		if r.note(line); r.transport != was {
			got = append(got, r.transport)
		}
	}
	// Up, roamed, come back, another's (from the first line of a connection that is
	// new), lost; then Pulse's, and one that compresses.
	want := []string{"DTLS", "TLS", "DTLS", "TLS", "DTLS", "TLS", "ESP", "TLS", "ESP", "TLS", "DTLS", "TLS"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
