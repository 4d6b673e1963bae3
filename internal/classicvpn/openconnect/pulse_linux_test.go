package openconnect

import (
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/classicvpn/vpntest"
	"github.com/tidegate/tidegate/session"
)

func (b *bed) pulse(o vpntest.PulseOptions) (*vpntest.Pulse, session.VPNSettings) {
	b.t.Helper()
	o.Space, o.Address = b.Server, b.Address
	server := vpntest.StartPulse(b.t, o)
	s := to(server.Address(), server.Certificate.Fingerprint)
	s.Protocol, s.User = session.VPNPulse, ""
	return server, s
}

func TestSignInToPulse(t *testing.T) {
	const code = "314159"
	const text, password, secret, choice = session.VPNText, session.VPNPassword, session.VPNCode, session.VPNChoice
	withCode := vpntest.PulseOptions{Code: code, CodePrompt: "Enter the code of your authenticator:"}
	for _, tt := range []struct {
		name    string
		o       vpntest.PulseOptions
		user    string
		answers []string
		kinds   []session.VPNFieldKind
		errors  []string
		code    session.VPNFailureCode
	}{
		{"user and password", vpntest.PulseOptions{}, "", []string{"alice", vpntest.Password}, []session.VPNFieldKind{text, password}, nil, ""},
		{"the user of the settings", vpntest.PulseOptions{}, "alice", []string{vpntest.Password}, []session.VPNFieldKind{password}, nil, ""},
		{"a code after that", withCode, "alice", []string{vpntest.Password, code}, []session.VPNFieldKind{password, secret}, nil, ""},
		{"a wrong code", withCode, "alice", []string{vpntest.Password, "271828"}, []session.VPNFieldKind{password, secret}, nil, session.VPNRefused},
		{"a realm before that", vpntest.PulseOptions{Realms: []string{"Staff", "Guests"}}, "alice", []string{"Guests", vpntest.Password}, []session.VPNFieldKind{choice, password}, nil, ""},
		{"labels of its own", vpntest.PulseOptions{UserLabel: "Badge number", PasswordLabel: "Word of the day"}, "", []string{"alice", vpntest.Password}, []session.VPNFieldKind{text, password}, nil, ""},
		{"a wrong password first", vpntest.PulseOptions{}, "alice", []string{"wrong", vpntest.Password}, []session.VPNFieldKind{password, password}, []string{askedAgain}, ""},
		{"a wrong user first", vpntest.PulseOptions{}, "", []string{"alicia", vpntest.Password, "alice", vpntest.Password}, []session.VPNFieldKind{text, password, text, password}, []string{askedAgain}, ""},
		{"wrong passwords only", vpntest.PulseOptions{}, "alice", []string{"wrong", "wrong too", "wrong again"}, []session.VPNFieldKind{password, password, password}, []string{askedAgain, askedAgain}, session.VPNRefused},
		{"the machine checked", vpntest.PulseOptions{HostChecker: true}, "alice", []string{vpntest.Password}, nil, nil, session.VPNHostChecker},
		{"what nobody knows", vpntest.PulseOptions{Riddle: true}, "alice", []string{vpntest.Password}, nil, nil, session.VPNFailed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBed(t)
			_, s := b.pulse(tt.o)
			s.User = tt.user
			a := &answers{values: tt.answers}
			_, err := b.signIn(s, a)
			if tt.code != "" {
				is(t, err, tt.code)
			} else if err != nil {
				t.Errorf("it is %v", err)
			}
			var kinds []session.VPNFieldKind
			var errors []string
			for _, f := range a.forms {
				kinds = append(kinds, f.Fields[0].Kind)
				if f.Error != "" {
					errors = append(errors, f.Error)
				}
			}
			if tt.kinds == nil {
				return
			}
			if diff := cmp.Diff(tt.kinds, kinds); diff != "" {
				t.Errorf("the fields (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.errors, errors); diff != "" {
				t.Errorf("the errors (-want +got):\n%s\nof %+v", diff, a.forms)
			}
		})
	}
}

func TestPulseIsAnother(t *testing.T) {
	b := newBed(t)
	server, s := b.pulse(vpntest.PulseOptions{})
	server.Recertify()
	a := &answers{values: []string{"alice", vpntest.Password}}
	_, err := b.signIn(s, a)
	f := is(t, err, session.VPNOtherServer)
	if !strings.Contains(f.Detail, server.Certificate.Fingerprint) || len(a.forms) > 0 || len(a.shown) > 0 {
		t.Errorf("it says %q, after %+v and %+v", f.Detail, a.shown, a.forms)
	}
}

func TestPulseRuns(t *testing.T) {
	b := newBed(t)
	server, s := b.pulse(vpntest.PulseOptions{})
	got, err := b.signIn(s, &answers{values: []string{"alice", vpntest.Password}})
	if err != nil {
		t.Fatal(err)
	}
	tunnel := b.tunnel()
	tunnel.Protocol = session.VPNPulse
	r, err := b.engine.Start(t.Context(), got, tunnel)
	if err != nil {
		t.Fatal(err)
	}
	b.hooked("connect", 1)
	eventually(t, "TLS", func() bool { return r.Transport() == "TLS" })
	if err := r.Reconnect(); err != nil {
		t.Fatal(err)
	}
	b.hooked("reconnect", 1)

	// The network cuts it off as packets flow.
	b.do("ip", "address", "add", "192.168.99.10/24", "dev", device)
	var flow net.Conn
	if err := b.Client.Do(func() (err error) { flow, err = net.Dial("udp", "192.168.99.1:9"); return err }); err != nil {
		t.Fatal(err)
	}
	defer flow.Close()
	for n := range 20 {
		server.Drop()
		eventually(t, "it to come back", func() bool {
			for range 5 {
				flow.Write(make([]byte, 100))
			}
			return strings.Count("\n"+b.reasons(), "\nreconnect ") >= n+2
		})
	}
	server.Kick("alice")
	f := is(t, waits(t, r), session.VPNExpired)
	if strings.Contains(f.Detail, got.cookie) {
		t.Error("it tells the cookie")
	}
}
