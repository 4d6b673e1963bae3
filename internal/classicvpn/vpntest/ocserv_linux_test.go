package vpntest

import (
	"slices"
	"strings"
	"syscall"
	"testing"
)

const alice = "alice\n" + Password + "\n"

func TestOcservSplit(t *testing.T) {
	t.Parallel()
	n := NewNetwork(t)
	s := StartOcserv(t, OcservOptions{Space: n.Server, Address: n.Address, Groups: []string{"Staff members", "Guests"}, IPv6: true, Banner: "Mind the step"})
	c := connect(t, n, "anyconnect", s.Address(), s.Certificate.Fingerprint, "Guests\n"+alice)
	mine4, mine6 := c.given("INTERNAL_IP4_ADDRESS"), c.given("INTERNAL_IP6_ADDRESS")
	n.gets(t, Web4, "office "+mine4)
	n.gets(t, Web6, "office "+mine6)
	n.finds(t, DNS4, "wiki."+Domain, Web4)
	n.finds(t, DNS6, "www.example.org", World4)
	if got := s.Asked(); !slices.Equal(got, []string{"wiki." + Domain, "www.example.org"}) {
		t.Errorf("the office was asked for %v", got)
	}
	for name, want := range map[string]string{"CISCO_SPLIT_DNS": Domain, "CISCO_DEF_DOMAIN": Domain, "CISCO_BANNER": "Mind the step", "CISCO_SPLIT_INC": "2", "INTERNAL_IP4_DNS": DNS4.String() + " " + DNS6.String()} {
		if got := c.given(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	s.eventually("packets to be carried by DTLS", func() bool { return strings.Contains(s.Sessions(), "DTLS1.2") })
	s.Kick("alice")
	if code := c.ends(); code != 1 || !strings.Contains(c.said.String(), "Session terminated by server") {
		t.Errorf("kicked, it ended with %d", code)
	}
}

func TestOcservFull(t *testing.T) {
	t.Parallel()
	n := NewNetwork(t)
	s := StartOcserv(t, OcservOptions{Space: n.Server, Address: n.Address, Full: true, NoDTLS: true})
	// Otherwise the client's physical network would lead there by itself.
	if err := n.Server.Sysctl("ipv4/conf/far/forwarding", "0"); err != nil {
		t.Fatal(err)
	}
	c := connect(t, n, "anyconnect", s.Address(), s.Certificate.Fingerprint, alice)
	n.gets(t, World4, "world "+c.given("INTERNAL_IP4_ADDRESS"))
	if got := c.given("CISCO_SPLIT_INC"); got != "" {
		t.Errorf("%s networks are split", got)
	}
	if got := s.Sessions(); strings.Contains(got, "DTLS1") {
		t.Errorf("it carries packets by DTLS: %s", got)
	}
	if code := c.end(syscall.SIGINT); code != 0 {
		t.Errorf("it ended with %d", code)
	}
}

func TestOcservRefuses(t *testing.T) {
	t.Parallel()
	n := NewNetwork(t)
	s := StartOcserv(t, OcservOptions{Space: n.Server, Address: n.Address})
	before := s.Certificate.Fingerprint
	out, err := openconnect(t, n, "alice\nwrong\n", "--servercert", before, "--authenticate", s.Address())
	if err == nil || !strings.Contains(out, "Login failed.") {
		t.Errorf("a wrong password: %v\n%s", err, out)
	}
	s.Recertify()
	out, err = openconnect(t, n, alice, "--servercert", before, "--authenticate", s.Address())
	if err == nil || strings.Contains(out, "COOKIE=") || s.Certificate.Fingerprint == before {
		t.Errorf("another certificate: %v\n%s", err, out)
	}
	s.Crash()
	if out, err = openconnect(t, n, alice, "--servercert", s.Certificate.Fingerprint, "--authenticate", s.Address()); err == nil || !strings.Contains(out, "Failed to connect") {
		t.Errorf("no server: %v\n%s", err, out)
	}
	s.Start()
	connect(t, n, "anyconnect", s.Address(), s.Certificate.Fingerprint, alice)
}
