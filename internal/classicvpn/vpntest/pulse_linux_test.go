package vpntest

import (
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestPulseSplit(t *testing.T) {
	t.Parallel()
	n := NewNetwork(t)
	s := StartPulse(t, PulseOptions{Space: n.Server, Address: n.Address, IPv6: true, Realms: []string{"Staff members", "Guests"}, Code: "123456", CodePrompt: "Code on your key:"})
	c := connect(t, n, "pulse", s.Address(), s.Certificate.Fingerprint, "Guests\n"+alice+"123456\n")
	mine4, mine6 := c.given("INTERNAL_IP4_ADDRESS"), c.given("INTERNAL_IP6_ADDRESS")
	n.gets(t, Web4, "office "+mine4)
	n.gets(t, Web6, "office "+mine6)
	n.finds(t, DNS4, "wiki."+Domain, Web4)
	n.finds(t, DNS6, "www.example.org", World4)
	for name, want := range map[string]string{"CISCO_DEF_DOMAIN": Domain, "CISCO_SPLIT_INC": "2", "CISCO_IPV6_SPLIT_INC": "1", "INTERNAL_IP4_DNS": DNS4.String() + " " + DNS6.String(), "INTERNAL_IP4_MTU": "1400"} {
		if got := c.given(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	s.Drop() // it comes again by its cookie
	n.gets(t, Web4, "office "+mine4)
	if code := c.end(syscall.SIGINT); code != 0 {
		t.Errorf("it ended with %d", code)
	}
	for end := time.Now().Add(Patience); s.Sessions() > 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it has not logged off")
		}
	}
}

func TestPulseFull(t *testing.T) {
	t.Parallel()
	n := NewNetwork(t)
	s := StartPulse(t, PulseOptions{Space: n.Server, Address: n.Address, Full: true})
	if err := n.Server.Sysctl("ipv4/conf/far/forwarding", "0"); err != nil { // the way around the VPN
		t.Fatal(err)
	}
	c := connect(t, n, "pulse", s.Address(), s.Certificate.Fingerprint, alice)
	n.gets(t, World4, "world "+c.given("INTERNAL_IP4_ADDRESS"))
	if got := c.given("CISCO_SPLIT_INC"); got != "" {
		t.Errorf("%s networks are split", got)
	}
	s.Kick("alice")
	if code := c.ends(); code != 2 && code != 1 || !strings.Contains(c.said.String(), "Pulse authentication cookie not accepted") {
		t.Errorf("kicked, it ended with %d (%v)", code, c.cmd.ProcessState)
	}
}

func TestPulseRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		o     PulseOptions
		input string
		says  []string
	}{
		{"a wrong password", PulseOptions{}, "alice\nwrong\nalice\nwrong\nalice\nwrong\n", []string{"Enter user credentials:", "Authentication failure: Code 0x14"}},
		{"an unknown user", PulseOptions{}, "bob\n" + Password + "\nbob\nwrong\nbob\nwrong\n", []string{"Authentication failure: Code 0x14"}},
		{"a wrong code", PulseOptions{Code: "123456", CodePrompt: "Code on your key:"}, alice + "654321\n", []string{"Code on your key:", "Authentication failure: Code 0x15"}},
		{"labels of its own", PulseOptions{UserLabel: "Badge number", PasswordLabel: "Word of the day"}, "alice\nwrong\nalice\nwrong\nalice\nwrong\n", []string{"Badge number:", "Word of the day:"}},
		{"a machine that is not checked", PulseOptions{HostChecker: true}, alice, []string{"Host Checker"}},
		{"what nobody knows", PulseOptions{Riddle: true}, alice, []string{"Unhandled Pulse authentication packet"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			n := NewNetwork(t)
			tt.o.Space, tt.o.Address = n.Server, n.Address
			s := StartPulse(t, tt.o)
			out, err := openconnect(t, n, tt.input, "--protocol", "pulse", "--servercert", s.Certificate.Fingerprint, "--authenticate", s.Address())
			if err == nil || strings.Contains(out, "COOKIE=") {
				t.Error("it is let in")
			}
			for _, want := range tt.says {
				if !strings.Contains(out, want) {
					t.Errorf("it does not say %q", want)
				}
			}
			if t.Failed() {
				t.Logf("it said (%v):\n%s", err, out)
			}
		})
	}
}

func TestPulseIsAnother(t *testing.T) {
	t.Parallel()
	n := NewNetwork(t)
	s := StartPulse(t, PulseOptions{Space: n.Server, Address: n.Address})
	before := s.Certificate.Fingerprint
	s.Recertify()
	out, err := openconnect(t, n, alice, "--protocol", "pulse", "--servercert", before, "--authenticate", s.Address())
	if err == nil || strings.Contains(out, "COOKIE=") {
		t.Errorf("another certificate: %v\n%s", err, out)
	}
	s.Crash()
	if out, err = openconnect(t, n, alice, "--protocol", "pulse", "--servercert", s.Certificate.Fingerprint, "--authenticate", s.Address()); err == nil || !strings.Contains(out, "Failed to connect") {
		t.Errorf("no server: %v\n%s", err, out)
	}
	s.Start()
	out, err = openconnect(t, n, "alice\nwrong\n"+alice, "--protocol", "pulse", "--servercert", s.Certificate.Fingerprint, "--authenticate", s.Address())
	if err != nil || !strings.Contains(out, "COOKIE=") || s.Refused() != 1 {
		t.Errorf("at the second try: %v, %d refused\n%s", err, s.Refused(), out)
	}
}
