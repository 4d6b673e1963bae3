package cli

import (
	"encoding/json"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/app/apptest"
	"github.com/tidegate/tidegate/session"
)

// vpns is a machine with two connections, another's VPN and three warnings.
func vpns() session.State {
	s := state()
	s.VPN = session.VPN{
		Engine: session.VPNEngine{Version: "v9.01"},
		Connections: []session.VPNConnection{
			{VPNSettings: session.VPNSettings{ID: "a", Name: "Office", Address: "vpn.example", Protocol: session.VPNPulse}, Phase: session.VPNConnected,
				Since: noon.Add(-time.Hour), Title: "Connected", VPNLink: session.VPNLink{Adapter: "tidev1000", Transport: "ESP", Up: 999, Down: 12_345_678,
					Addresses: []netip.Prefix{netip.MustParsePrefix("10.1.2.3/24"), netip.MustParsePrefix("fd00::3/64")},
					Routes:    []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.1/32")},
					Servers:   []netip.Addr{netip.MustParseAddr("10.0.0.53")}, Domains: []string{"corp.example"}},
				Problem: &session.Problem{Code: "vpn-left", Title: "Not all", Detail: "Left out 127.0.0.0/8\x1b[2J"}},
			{VPNSettings: session.VPNSettings{ID: "b", Address: "old.example:8443", Protocol: session.VPNJuniper}, Untested: true, Title: "Not connected",
				Problem: &session.Problem{Code: "vpn-refused", Title: "Not accepted", Fix: "Try again"}},
		},
		Others: []session.VPNOther{{Program: "openvpn", VPNLink: session.VPNLink{Adapter: "tun0", Full4: true, AllNames: true, Servers: []netip.Addr{netip.MustParseAddr("10.8.0.1")}}}},
		Warnings: []session.VPNWarning{
			{Feature: session.VPNTrafficEnforcement, Adapter: "tun0", Title: "openvpn lets nothing out", Detail: "Nothing is reached", Fix: "Ask", Evidence: "nftables: chain output"},
			{Feature: session.VPNIPv6, Connection: "b", Ahead: true, Title: "old.example:8443 will be without IPv6", Detail: "So it is", Fix: "Ask"},
			{Feature: session.VPNRouteMonitoring, Connection: "a", Served: true, Title: "Office deletes routes", Detail: "They are back"},
		},
	}
	return s
}

func TestVPNList(t *testing.T) {
	for _, tt := range []struct {
		name  string
		state session.State
		want  string
	}{
		{"all there is", vpns(), `
Office            connected since 11:00:00, vpn.example (Ivanti Connect Secure / Pulse)
                  10.1.2.3 and fd00::3, adapter tidev1000, over ESP, 999 B up, 12.3 MB down
                  leads to 10.0.0.0/8, 192.0.2.1
                  answers for corp.example, at 10.0.0.53
                  Not all. Left out 127.0.0.0/8[2J.
old.example:8443  not connected, old.example:8443 (Juniper Network Connect, untested)
                  Not accepted. Try again.
Another's         openvpn (adapter tun0)
                  adapter tun0
                  leads to everything over IPv4 that is not your applications'
                  answers for all names but your applications', at 10.8.0.1
Warning           openvpn lets nothing out. Nothing is reached. Ask.
                  seen: nftables: chain output
Ahead             old.example:8443 will be without IPv6. So it is. Ask.
Served            Office deletes routes. They are back.
`},
		{"nothing", state(), "\nVPNs  none; add one: tidegate vpn add ADDRESS --protocol pulse, nc, anyconnect, gp, fortinet or f5\n"},
		{"no engine", func() session.State {
			s := state()
			s.VPN.Engine.Problem = &session.Problem{Title: "openconnect is not installed", Fix: "Install it"}
			return s
		}(), "\nProblem  openconnect is not installed. Install it.\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			src := &apptest.Source{}
			src.Publish(tt.state)
			want := result{out: strings.TrimPrefix(tt.want, "\n")}
			if diff := cmp.Diff(want, invoke(t, src, "", "vpn"), cmp.AllowUnexported(result{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	src := &apptest.Source{}
	src.Publish(vpns())
	const status = "VPN         Office: connected\nVPN         another's: openvpn (adapter tun0)\nWarning     openvpn lets nothing out; tidegate vpn says more\n"
	if r := invoke(t, src, "", "status"); !strings.Contains(r.out, status) {
		t.Errorf("the status is %s", r.out)
	}
	var v session.VPN
	if r := invoke(t, src, "", "vpn", "--json"); json.Unmarshal([]byte(r.out), &v) != nil || r.code != Done || len(v.Connections) != 2 || v.Connections[0].Up != 999 {
		t.Errorf("as JSON it says %+v", r)
	}
}

// listing has a VPN that was saved listed, and one that was removed not.
func listing(src *apptest.Source) func(session.Command) error {
	return func(cmd session.Command) error {
		src.Change(func(s *session.State) {
			switch cmd := cmd.(type) {
			case session.SaveVPN:
				if cmd.ID == "" {
					cmd.ID = "new"
					s.VPN.Connections = append(s.VPN.Connections[:2:2], session.VPNConnection{VPNSettings: cmd.VPNSettings, Untested: !cmd.Protocol.Tested()})
				}
			case session.RemoveVPN:
				s.VPN.Connections = s.VPN.Connections[:1:1]
			case session.DisconnectVPN:
				all := append([]session.VPNConnection(nil), s.VPN.Connections...)
				all[0].Phase = session.VPNDisconnected
				s.VPN.Connections = all
			}
		})
		return nil
	}
}

func TestVPNCommands(t *testing.T) {
	usage := func(text string) result {
		return result{code: Usage, err: "tidegate: " + text + "; `tidegate help` lists the commands\n"}
	}
	office := vpns().VPN.Connections[0].VPNSettings
	with := func(change func(*session.VPNSettings)) session.Command {
		s := office
		change(&s)
		return session.SaveVPN{VPNSettings: s}
	}
	for _, tt := range []struct {
		args []string
		do   []session.Command
		want result
	}{
		{args: []string{"add", "new.example", "--protocol", "anyconnect", "--name", "New", "--user=ada", "--group", "staff", "--features", "ipv6, always-on"},
			do: []session.Command{session.SaveVPN{VPNSettings: session.VPNSettings{Name: "New", Address: "new.example", Protocol: "anyconnect", User: "ada", Group: "staff",
				Features: []session.VPNFeature{"ipv6", "always-on"}}}}, want: result{out: "Added. Connect it: tidegate vpn connect \"New\"\n"}},
		{args: []string{"add", "--protocol", "f5", "new.example"}, do: []session.Command{session.SaveVPN{VPNSettings: session.VPNSettings{Address: "new.example", Protocol: "f5"}}},
			want: result{out: "F5 BIG-IP is not tested with Tidegate: openconnect alone answers for it.\nAdded. Connect it: tidegate vpn connect \"new.example\"\n"}},
		{args: []string{"add", "new.example", "--protocol", "foo"}, want: usage("say what the VPN speaks: --protocol pulse, nc, anyconnect, gp, fortinet or f5")},
		{args: []string{"add", "new.example"}, want: usage("say what the VPN speaks: --protocol pulse, nc, anyconnect, gp, fortinet or f5")},
		{args: []string{"add"}, want: usage(vpnUsage)},
		{args: []string{"edit", "office", "--name=", "--features="}, do: []session.Command{with(func(s *session.VPNSettings) { s.Name = "" })}, want: result{out: "Saved.\n"}},
		{args: []string{"edit", "VPN.example", "--address", "other.example", "--forget-certificate"}, do: []session.Command{with(func(s *session.VPNSettings) { s.Address = "other.example" })}, want: result{out: "Saved.\n"}},
		{args: []string{"edit", "office", "--protocol", "foo"}, want: usage("it speaks one of these: --protocol pulse, nc, anyconnect, gp, fortinet or f5")},
		{args: []string{"edit", "office"}, want: usage("say what to change: --name, --address, --protocol, --user, --group, --features or --forget-certificate")},
		{args: []string{"edit", "nobody", "--name", "x"}, want: result{code: Failed, err: "tidegate: there is no VPN \"nobody\"; `tidegate vpn` lists them\n"}},
		{args: []string{"remove", "b"}, do: []session.Command{session.RemoveVPN{Connection: "b"}}, want: result{out: "old.example:8443 was removed.\n"}},
		{args: []string{"disconnect", "Office"}, do: []session.Command{session.DisconnectVPN{Connection: "a"}}, want: result{out: "Disconnected.\n"}},
		{args: []string{"disconnect"}, do: []session.Command{session.DisconnectVPN{Connection: "a"}}, want: result{out: "Disconnected.\n"}},
		{args: []string{"disconnect", "b"}, want: result{out: "Disconnected.\n"}},
		{args: []string{"connect"}, want: usage(vpnUsage)},
		{args: []string{"connect", "b", "--name", "x"}, want: usage(vpnUsage)},
		{args: []string{"mend", "b"}, want: usage("there is no `tidegate vpn mend`; " + vpnUsage)},
	} {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			src := &apptest.Source{}
			src.Publish(vpns())
			src.Answer = listing(src)
			got := invoke(t, src, "", append([]string{"vpn"}, tt.args...)...)
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(result{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.do, src.Commands()); diff != "" {
				t.Errorf("commands (-want +got):\n%s", diff)
			}
		})
	}
}

// gate is a VPN's server: each step makes the next state of connection b.
func gate(src *apptest.Source, steps ...func(*session.VPN, *session.VPNConnection)) {
	src.Answer = func(cmd session.Command) error {
		switch cmd.(type) {
		case session.ConnectVPN, session.AnswerVPNPrompt, session.CancelVPNPrompt:
		default:
			return errors.New("that was not to be done")
		}
		if len(steps) == 0 {
			return nil
		}
		step := steps[0]
		steps = steps[1:]
		src.Change(func(s *session.State) {
			all := append([]session.VPNConnection(nil), s.VPN.Connections...)
			all[1].Problem, all[1].Phase, s.VPN.Prompt = nil, session.VPNSigningIn, nil
			step(&s.VPN, &all[1])
			s.VPN.Connections = all
		})
		return nil
	}
}

func up(_ *session.VPN, c *session.VPNConnection) { c.Phase = session.VPNConnected }

func failed(code session.VPNFailureCode) func(*session.VPN, *session.VPNConnection) {
	return func(_ *session.VPN, c *session.VPNConnection) {
		c.Phase, c.Problem = session.VPNDisconnected, &session.Problem{Code: "vpn-" + string(code), Title: "It came to nothing", Fix: "Ask"}
	}
}

func asks(p session.VPNPrompt) func(*session.VPN, *session.VPNConnection) {
	return func(v *session.VPN, _ *session.VPNConnection) {
		p.Connection = "b"
		v.Prompt = &p
	}
}

// canary is a password, which must not show.
const canary = "pass-canary"

var form = session.VPNPrompt{ID: "1", Kind: session.VPNForm, Message: "Welcome\nto it", Fields: []session.VPNField{
	{Kind: session.VPNText, Label: "Username:", Value: "ada"}, {Kind: session.VPNPassword, Label: "Password:"},
	{Kind: session.VPNChoice, Label: "Group:", Choices: []string{"Staff members", "Guests"}, Value: "Guests"}}}

func TestVPNConnect(t *testing.T) {
	again := form
	again.ID, again.Error = "2", "Login failed."
	pin := session.VPNPrompt{ID: "c", Kind: session.VPNCertificate, Message: "signer not found", Fingerprint: "pin-sha256:AAAA", Subject: "CN=old.example"}
	first := "signer not found\nIt is the first time that this server is connected to. Nobody whom this machine trusts vouches for it.\nCertificate: CN=old.example\nFingerprint: pin-sha256:AAAA\n"
	onward := pin
	onward.ID, onward.Host, onward.Message = "d", "far.example", ""
	connect := session.ConnectVPN{Connection: "b"}
	for _, tt := range []struct {
		name  string
		in    string
		steps []func(*session.VPN, *session.VPNConnection)
		do    []session.Command
		want  result
	}{
		{name: "nothing is asked", steps: []func(*session.VPN, *session.VPNConnection){up}, do: []session.Command{connect}, want: result{out: "old.example:8443 is connected.\n"}},
		{name: "a form", in: "\n" + canary + "\nstaff MEMBERS\n", steps: []func(*session.VPN, *session.VPNConnection){asks(form), up},
			do:   []session.Command{connect, session.AnswerVPNPrompt{Prompt: "1", Values: []session.Secret{"ada", canary, "Staff members"}}},
			want: result{out: "old.example:8443 is connected.\n"}},
		{name: "a certificate", in: "YES\n", steps: []func(*session.VPN, *session.VPNConnection){asks(pin), up},
			do: []session.Command{connect, session.AnswerVPNPrompt{Prompt: "c"}}, want: result{out: "old.example:8443 is connected.\n", err: first}},
		{name: "the certificate of one that it sends on to", in: "yes\n", steps: []func(*session.VPN, *session.VPNConnection){asks(onward), up},
			do: []session.Command{connect, session.AnswerVPNPrompt{Prompt: "d"}}, want: result{out: "old.example:8443 is connected.\n",
				err: "The server sends on to another, far.example, for the first time. Nobody whom this machine trusts vouches for it.\nCertificate: CN=old.example\nFingerprint: pin-sha256:AAAA\n"}},
		{name: "a certificate by its fingerprint, and a form", in: "pin-sha256:AAAA\nbob\nx\n\n", steps: []func(*session.VPN, *session.VPNConnection){asks(pin), asks(form), up},
			do:   []session.Command{connect, session.AnswerVPNPrompt{Prompt: "c"}, session.AnswerVPNPrompt{Prompt: "1", Values: []session.Secret{"bob", "x", "Guests"}}},
			want: result{out: "old.example:8443 is connected.\n", err: first}},
		{name: "a certificate that is not trusted", in: "no\n", steps: []func(*session.VPN, *session.VPNConnection){asks(pin), failed(session.VPNDistrusted)},
			do:   []session.Command{connect, session.CancelVPNPrompt{Prompt: "c"}},
			want: result{code: Denied, err: first + "tidegate: the server was not trusted; only yes or its fingerprint does that\n"}},
		{name: "a wrong password", in: "\n" + canary + "\n\nmore\n", steps: []func(*session.VPN, *session.VPNConnection){asks(form), asks(again), failed(session.VPNRefused)},
			do:   []session.Command{connect, session.AnswerVPNPrompt{Prompt: "1", Values: []session.Secret{"ada", canary, "Guests"}}, session.CancelVPNPrompt{Prompt: "2"}},
			want: result{code: Denied, err: "tidegate: Login failed.\n"}},
		{name: "no password", in: "ada\n", steps: []func(*session.VPN, *session.VPNConnection){asks(form), failed(session.VPNRefused)},
			do:   []session.Command{connect, session.CancelVPNPrompt{Prompt: "1"}},
			want: result{code: Usage, err: "tidegate: nothing was given at “Password”; `tidegate help` lists the commands\n"}},
		{name: "a group that is not offered", in: "ada\nx\nboard\n", steps: []func(*session.VPN, *session.VPNConnection){asks(form), failed(session.VPNRefused)},
			do:   []session.Command{connect, session.CancelVPNPrompt{Prompt: "1"}},
			want: result{code: Usage, err: "tidegate: \"board\" is not offered; choose one of Staff members, Guests; `tidegate help` lists the commands\n"}},
		{name: "refused", steps: []func(*session.VPN, *session.VPNConnection){failed(session.VPNRefused)}, do: []session.Command{connect},
			want: result{code: Denied, err: "tidegate: It came to nothing. Ask.\n"}},
		{name: "not reached", steps: []func(*session.VPN, *session.VPNConnection){failed(session.VPNUnreachable)}, do: []session.Command{connect},
			want: result{code: Failed, err: "tidegate: It came to nothing. Ask.\n"}},
		{name: "ended by somebody", steps: []func(*session.VPN, *session.VPNConnection){func(_ *session.VPN, c *session.VPNConnection) { c.Phase = session.VPNDisconnected }},
			do: []session.Command{connect}, want: result{code: Failed, err: "tidegate: old.example:8443 was disconnected meanwhile\n"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			src := &apptest.Source{}
			src.Publish(vpns())
			gate(src, tt.steps...)
			// The warning about b is ahead still: it is told when it is of now.
			got := invoke(t, src, tt.in, "vpn", "connect", "b")
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(result{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.do, src.Commands()); diff != "" {
				t.Errorf("commands (-want +got):\n%s", diff)
			}
			if strings.Contains(got.out+got.err, canary) {
				t.Error("the password shows")
			}
		})
	}
}

// A VPN that does not come up within the time is told of, and what is busy is not
// asked again.
func TestVPNConnectTakesItsTime(t *testing.T) {
	src := &apptest.Source{}
	src.Publish(vpns())
	busy := form
	busy.Busy = true
	gate(src, asks(busy))
	r := invoke(t, src, "", "vpn", "connect", "b", "--timeout", "20ms")
	if want := "tidegate: not within 20ms: it is still not connected; `tidegate vpn` says how it is\n"; r.code != Failed || r.err != want {
		t.Errorf("it says %+v", r)
	}
}
