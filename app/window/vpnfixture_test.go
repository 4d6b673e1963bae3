package window

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/tidegate/tidegate/session"
)

const pin = "pin-sha256:xp3scfzy3rOgQEXnfPiYrrUk7D66a8b8O+gEXaMPleE="

func office() session.VPNConnection {
	return session.VPNConnection{VPNSettings: session.VPNSettings{ID: "v1", Name: "Head office", Address: "vpn.tidewater.example", Protocol: session.VPNAnyConnect, User: "maya", Fingerprint: pin}}
}

func plant() session.VPNConnection {
	return session.VPNConnection{VPNSettings: session.VPNSettings{ID: "v2", Name: "North plant, maintenance", Address: "ics.north.tidewater.example/maintenance", Protocol: session.VPNFortinet,
		Features: []session.VPNFeature{session.VPNAlwaysOn}}, Untested: true, Title: "Not connected"}
}

func link() session.VPNLink {
	return session.VPNLink{Adapter: "tidev1000", Addresses: []netip.Prefix{netip.MustParsePrefix("10.60.0.12/24"), netip.MustParsePrefix("fd60:12::c/64")},
		Server: netip.MustParseAddr("198.51.100.7"), Full4: true, Servers: []netip.Addr{netip.MustParseAddr("10.60.0.1")}, AllNames: true,
		Transport: "DTLS", Up: 1_930_000, Down: 48_200_000}
}

// vpns has one connection that is not up, and nothing else.
func vpns() session.State {
	s := signedIn()
	c := office()
	c.Title = "Not connected"
	s.VPN = session.VPN{Engine: session.VPNEngine{Version: "9.12"}, Connections: []session.VPNConnection{c}}
	return s
}

// vpnUp has one that is, with two warnings.
func vpnUp() session.State {
	s := vpns()
	c := office()
	c.Phase, c.Since, c.Title, c.VPNLink = session.VPNConnected, noon.Add(-47*time.Minute), "Connected", link()
	s.VPN.Connections = []session.VPNConnection{c, plant()}
	s.VPN.Warnings = []session.VPNWarning{
		{Feature: session.VPNIPv6, Connection: "v1", Evidence: "IPv4 leaves by tidev1000, IPv6 by enp0s3",
			Title: "IPv6 goes around Head office", Detail: "Your applications work. What you do beside them over IPv6 does not go through the VPN, though all of IPv4 does.",
			Fix: "Ask its administrator for IPv6 in the VPN, or switch IPv6 off in this network's settings while it is connected."},
		{Feature: session.VPNTrafficEnforcement, Connection: "v1", Served: true, Evidence: "nftables: chain output of table inet vpnguard drops what does not leave by tidev1000",
			Title: "Head office keeps everything to itself, and Tidegate goes through it", Detail: "The controller and the gateways are reached through the VPN in place of beside it. Your applications and the VPN both work."},
	}
	return s
}

// vpnAhead has what will be in the way of a connection once it is up, another
// program's VPN, and one that failed.
func vpnAhead() session.State {
	s := vpns()
	p := plant()
	c := office()
	c.Title, c.Problem = "Not connected", &session.Problem{Code: "vpn-unreachable", Title: "The VPN's server was not reached", Detail: "Nobody answers at its address. Last heard: “Failed to connect to host vpn.tidewater.example”.", Fix: "Check the address and your network, then connect again."}
	s.VPN.Connections = []session.VPNConnection{p, c}
	s.VPN.Warnings = []session.VPNWarning{{Feature: session.VPNAlwaysOn, Connection: "v2", Ahead: true,
		Title:  "North plant, maintenance will be without Always-on VPN (lock-down)",
		Detail: "The VPN does not connect by itself, and nothing is held back while it is not connected. Your applications are reached with it and without.",
		Fix:    "Connect it by hand when you need it. If your organisation insists on the lock-down, ask its administrator to let zta.tidewater.example past it."}}
	s.VPN.Others = []session.VPNOther{
		{Program: "/usr/sbin/openvpn", VPNLink: session.VPNLink{Adapter: "tun0", Addresses: []netip.Prefix{netip.MustParsePrefix("10.8.0.6/24")},
			Routes: []netip.Prefix{netip.MustParsePrefix("10.8.0.0/24"), netip.MustParsePrefix("192.168.99.0/24")}, Domains: []string{"lab.example"}, Servers: []netip.Addr{netip.MustParseAddr("10.8.0.1")}}},
		{VPNLink: session.VPNLink{Adapter: "wg0", Full4: true, Full6: true, Addresses: []netip.Prefix{netip.MustParsePrefix("10.99.0.2/32")}}},
	}
	return s
}

// vpnForms asks what a server asks.
func vpnForms() session.State {
	s := vpns()
	s.VPN.Connections[0].Phase, s.VPN.Connections[0].Title = session.VPNSigningIn, "Waiting for your answer"
	s.VPN.Prompt = &session.VPNPrompt{ID: "f1", Connection: "v1", Kind: session.VPNForm, Message: "Welcome to Tidewater Energy.\nUse the code of your token, not of your telephone.",
		Fields: []session.VPNField{
			{Kind: session.VPNChoice, Label: "Group", Choices: []string{"Staff members", "Guests", "Contractors"}, Value: "Staff members"},
			{Kind: session.VPNText, Label: "Username:", Value: "maya"},
			{Kind: session.VPNPassword, Label: "Password:"},
			{Kind: session.VPNCode, Label: "Token code"},
		}}
	return s
}

// vpnWrong has answered wrongly.
func vpnWrong() session.State {
	s := vpnForms()
	s.VPN.Prompt.ID, s.VPN.Prompt.Error = "f2", "Login failed."
	return s
}

func vpnTrusts(vouched string) session.State {
	s := vpnForms()
	s.VPN.Prompt = &session.VPNPrompt{ID: "c1", Connection: "v1", Kind: session.VPNCertificate, Fingerprint: pin, Subject: "CN=vpn.tidewater.example, O=Tidewater Energy", Vouched: vouched}
	return s
}

// vpnMissing has no engine.
func vpnMissing() session.State {
	s := vpns()
	s.VPN.Engine = session.VPNEngine{Problem: &session.Problem{Code: "vpn-no-engine", Title: "openconnect is not installed", Detail: "It is what connects classic VPNs here.", Fix: "Install the package openconnect. Connections can be used a moment later."}}
	return s
}

// vpnLong has everything as long as it gets.
func vpnLong() session.State {
	s := vpnUp()
	long := strings.Repeat("Regional maintenance access ", 6)
	c := &s.VPN.Connections[0]
	c.Name, c.Address = long, strings.Repeat("a-very-long-label.", 9)+"example:8443/with/a/path/to/somewhere"
	c.Full4, c.AllNames = false, false
	for i := range 9 {
		c.Routes = append(c.Routes, netip.PrefixFrom(netip.AddrFrom4([4]byte{172, 16, byte(100 + i), 0}), 24))
		c.Domains = append(c.Domains, fmt.Sprintf("department-%d.of.a.very.long.name.tidewater.example", i))
	}
	c.Addresses = append(c.Addresses, netip.MustParsePrefix("2001:db8:1234:5678:9abc:def0:1234:5678/64"))
	c.Problem = &session.Problem{Title: long, Detail: long + long, Fix: strings.Repeat("x", 300)}
	s.VPN.Warnings[0].Title, s.VPN.Warnings[0].Evidence = long, strings.Repeat("evidence-without-a-space", 20)
	s.VPN.Connections[1].Phase, s.VPN.Connections[1].Title = session.VPNSigningIn, long
	return s
}

func manyVPNs(n int) session.State {
	s := vpnUp()
	for i := range n - len(s.VPN.Connections) {
		s.VPN.Connections = append(s.VPN.Connections, session.VPNConnection{Title: "Not connected",
			VPNSettings: session.VPNSettings{ID: fmt.Sprintf("m%d", i), Name: fmt.Sprintf("Site %02d", i), Address: fmt.Sprintf("vpn%02d.tidewater.example", i), Protocol: session.VPNPulse}})
	}
	return s
}

func toConnections(b *bench) { b.pages.show(session.PageConnections) }
