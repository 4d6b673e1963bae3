package openconnect

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/dnssplit/resolvedtest"
	"github.com/tidegate/tidegate/internal/classicvpn/vpntest"
	"github.com/tidegate/tidegate/session"
)

func TestSignInToOcserv(t *testing.T) {
	b := newBed(t)
	server := b.ocserv(vpntest.OcservOptions{})
	pinned := to(server.Address(), server.Certificate.Fingerprint)

	t.Run("for the first time", func(t *testing.T) {
		a := &answers{values: []string{"alice", vpntest.Password}}
		s, err := b.signIn(session.VPNSettings{Address: server.Address(), Protocol: session.VPNAnyConnect}, a)
		if err != nil {
			t.Fatal(err)
		}
		if !s.Valid() || s.Fingerprint != server.Certificate.Fingerprint || !strings.Contains(s.ConnectURL, server.Address()) {
			t.Errorf("the session is %v of %s", s, s.Fingerprint)
		}
		leaf, err := x509.ParseCertificate(server.Certificate.Certificate.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		want := []Certificate{{Host: server.Address(), Fingerprint: server.Certificate.Fingerprint, Subject: leaf.Subject.String(), Reason: "signer not found"}}
		if diff := cmp.Diff(want, a.shown); diff != "" {
			t.Errorf("the certificate (-want +got):\n%s", diff)
		}
		forms := []Form{
			{Message: "Please enter your username.", Fields: []session.VPNField{{Kind: session.VPNText, Label: "Username"}}},
			{Message: "Please enter your password.", Fields: []session.VPNField{{Kind: session.VPNPassword, Label: "Password"}}},
		}
		if diff := cmp.Diff(forms, a.forms); diff != "" {
			t.Errorf("the forms (-want +got):\n%s", diff)
		}
	})
	t.Run("with its key known", func(t *testing.T) {
		a := &answers{values: []string{vpntest.Password}}
		if _, err := b.signIn(pinned, a); err != nil || len(a.shown) > 0 || len(a.forms) != 1 {
			t.Errorf("it is %v, after %+v and %+v", err, a.shown, a.forms)
		}
	})
	t.Run("a wrong password first", func(t *testing.T) {
		a := &answers{values: []string{"canary-of-a-password", vpntest.Password}}
		if _, err := b.signIn(pinned, a); err != nil {
			t.Fatalf("it is %v, after %+v", err, a.forms)
		}
		if len(a.forms) != 2 || a.forms[0].Error != "" || a.forms[1].Error != "Login failed." || a.forms[1].Message != "Please enter your password." {
			t.Errorf("it asked %+v", a.forms)
		}
	})
	t.Run("wrong passwords only", func(t *testing.T) {
		a := &answers{values: []string{"wrong", "wrong too", "wrong again", "wrong still", "wrong ever"}}
		if _, err := b.signIn(pinned, a); !errors.Is(err, errNoAnswer) || len(a.forms) != 6 {
			t.Errorf("it is %v, after %+v", err, a.forms)
		}
	})
	t.Run("a wrong user first", func(t *testing.T) {
		a := &answers{values: []string{"alicia", vpntest.Password, "alice", vpntest.Password}}
		if _, err := b.signIn(session.VPNSettings{Address: server.Address(), Protocol: session.VPNAnyConnect}, a); err != nil || len(a.shown) != 1 || len(a.forms) != 4 {
			t.Fatalf("it is %v, after %+v and %+v", err, a.shown, a.forms)
		}
		if f := a.forms[2]; f.Error != "Login failed." || f.Fields[0].Value != "alicia" {
			t.Errorf("after that it asked %+v", f)
		}
	})
	t.Run("with another key than is known", func(t *testing.T) {
		other := "pin-sha256:" + strings.Repeat("A", 43) + "="
		a := &answers{}
		_, err := b.signIn(to(server.Address(), other), a)
		f := is(t, err, session.VPNOtherServer)
		if !strings.Contains(f.Detail, server.Certificate.Fingerprint) || len(a.shown) > 0 || len(a.forms) > 0 {
			t.Errorf("it says %q, after %+v and %+v", f.Detail, a.shown, a.forms)
		}
	})
	t.Run("distrusted", func(t *testing.T) {
		a := &answers{distrust: true}
		_, err := b.signIn(to(server.Address(), ""), a)
		is(t, err, session.VPNDistrusted)
		if len(a.forms) > 0 {
			t.Errorf("it was asked %+v", a.forms)
		}
	})
	t.Run("without an answer", func(t *testing.T) {
		if _, err := b.signIn(pinned, &answers{}); !errors.Is(err, errNoAnswer) {
			t.Errorf("it is %v", err)
		}
	})
	t.Run("at a port where nobody is", func(t *testing.T) {
		_, err := b.signIn(to(server.Address()+":4", server.Certificate.Fingerprint), &answers{})
		is(t, err, session.VPNUnreachable)
	})
	t.Run("after its key has changed", func(t *testing.T) {
		was := server.Certificate.Fingerprint
		server.Recertify()
		_, err := b.signIn(to(server.Address(), was), &answers{values: []string{vpntest.Password}})
		is(t, err, session.VPNOtherServer)
	})
}

func TestSignInChoosesAGroup(t *testing.T) {
	b := newBed(t)
	server := b.ocserv(vpntest.OcservOptions{Groups: []string{"Staff members", "Guests"}})
	for _, tt := range []struct {
		name, group string
		values      []string
		kinds       []session.VPNFieldKind
	}{
		{"that is asked", "", []string{"Guests", vpntest.Password}, []session.VPNFieldKind{session.VPNChoice, session.VPNPassword}},
		{"of the settings", "Staff members", []string{vpntest.Password}, []session.VPNFieldKind{session.VPNPassword}},
		{"that is not there", "Admins", []string{"Admins", "Guests", vpntest.Password}, []session.VPNFieldKind{session.VPNChoice, session.VPNChoice, session.VPNPassword}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := &answers{values: tt.values}
			s := to(server.Address(), server.Certificate.Fingerprint)
			s.Group = tt.group
			if _, err := b.signIn(s, a); err != nil {
				t.Fatal(err)
			}
			var kinds []session.VPNFieldKind
			for _, f := range a.forms {
				kinds = append(kinds, f.Fields[0].Kind)
			}
			if diff := cmp.Diff(tt.kinds, kinds); diff != "" {
				t.Errorf("the fields (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSignInElsewhere(t *testing.T) {
	b := newBed(t)
	c, err := vpntest.NewCertificate(b.Address)
	if err != nil {
		t.Fatal(err)
	}
	var l net.Listener
	if err := b.Server.Do(func() (err error) { l, err = net.Listen("tcp", b.Address.String()+":443"); return err }); err != nil {
		t.Fatal(err)
	}
	resolvedtest.ServeWeb(t, tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{c.Certificate}}), http.NotFoundHandler())
	for _, p := range []session.VPNProtocol{session.VPNAnyConnect, session.VPNPulse, session.VPNJuniper, session.VPNGlobalProtect} {
		t.Run("a web server by "+p.Name(), func(t *testing.T) {
			s := to(b.Address.String(), c.Fingerprint)
			s.Protocol = p
			_, err := b.signIn(s, &answers{})
			is(t, err, session.VPNNoServer)
		})
	}
	t.Run("where nothing leads", func(t *testing.T) {
		_, err := b.signIn(to(b.Client4.String(), c.Fingerprint), &answers{})
		is(t, err, session.VPNUnreachable)
	})
	t.Run("without an address", func(t *testing.T) {
		_, err := b.signIn(to(" ", ""), &answers{})
		is(t, err, session.VPNFailed)
	})
	t.Run("with a line too many", func(t *testing.T) {
		_, err := b.signIn(to("vpn.example\n--script=reboot", ""), &answers{})
		is(t, err, session.VPNFailed)
	})
	t.Run("with an option for an address", func(t *testing.T) {
		_, err := b.signIn(to("--version", c.Fingerprint), &answers{})
		var f *Failure
		if !errors.As(err, &f) {
			t.Errorf("it is %v", err)
		}
	})
}

// A server that sends on to another is asked about as both, once, and both are pinned.
func TestSignInIsSentOn(t *testing.T) {
	b := newBed(t)
	server := b.ocserv(vpntest.OcservOptions{})
	portal := netip.MustParseAddr("10.50.0.3")
	if err := b.Server.Address("far", netip.PrefixFrom(portal, 24), true); err != nil {
		t.Fatal(err)
	}
	c, err := vpntest.NewCertificate(portal)
	if err != nil {
		t.Fatal(err)
	}
	var l net.Listener
	if err := b.Server.Do(func() (err error) { l, err = net.Listen("tcp", portal.String()+":443"); return err }); err != nil {
		t.Fatal(err)
	}
	resolvedtest.ServeWeb(t, tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{c.Certificate}}), http.RedirectHandler("https://"+server.Address()+"/", http.StatusFound))

	a := &answers{values: []string{"wrong", vpntest.Password}}
	s, err := b.signIn(to(portal.String(), ""), a)
	if err != nil || s.Fingerprint != server.Certificate.Fingerprint {
		t.Fatalf("it is %v, of %s", err, s.Fingerprint)
	}
	var shown []Certificate
	for _, c := range a.shown {
		shown = append(shown, Certificate{Host: c.Host, Onward: c.Onward, Fingerprint: c.Fingerprint})
	}
	want := []Certificate{{Host: portal.String(), Fingerprint: c.Fingerprint}, {Host: server.Address(), Onward: true, Fingerprint: server.Certificate.Fingerprint}}
	if diff := cmp.Diff(want, shown); diff != "" {
		t.Errorf("the certificates (-want +got):\n%s", diff)
	}

	a = &answers{values: []string{vpntest.Password}}
	if _, err := b.signIn(to(portal.String(), c.Fingerprint+" "+server.Certificate.Fingerprint), a); err != nil || len(a.shown) > 0 {
		t.Errorf("the next time it is %v, after %+v", err, a.shown)
	}
	_, err = b.signIn(to(portal.String(), c.Fingerprint), &answers{})
	is(t, err, session.VPNOtherServer)
}

// No server has a browser opened here.
func TestSignInOpensNoBrowser(t *testing.T) {
	const asks = `<?xml version="1.0" encoding="UTF-8"?>
<config-auth client="vpn" type="auth-request" aggregate-auth-version="2">
<opaque is-for="sg"><tunnel-group>SAML</tunnel-group><auth-method>single-sign-on-external-browser</auth-method><config-hash>1</config-hash></opaque>
<auth id="main"><title>Login</title><message>Please complete the authentication process in the AnyConnect Login window.</message><banner></banner>
<sso-v2-login>https://vpn.example/saml/sp/login?tgname=SAML</sso-v2-login>
<sso-v2-login-final>https://vpn.example/saml_ac_login.html</sso-v2-login-final>
<sso-v2-token-cookie-name>acSamlv2Token</sso-v2-token-cookie-name>
<sso-v2-error-cookie-name>acSamlv2Error</sso-v2-error-cookie-name>
<sso-v2-browser-mode>external</sso-v2-browser-mode>
<form><input type="sso" name="sso-token"></input></form></auth></config-auth>`
	b := newBed(t)
	c, err := vpntest.NewCertificate(b.Address)
	if err != nil {
		t.Fatal(err)
	}
	var l net.Listener
	if err := b.Server.Do(func() (err error) { l, err = net.Listen("tcp", b.Address.String()+":443"); return err }); err != nil {
		t.Fatal(err)
	}
	resolvedtest.ServeWeb(t, tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{c.Certificate}}), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		io.WriteString(w, asks)
	}))
	a := &answers{}
	_, err = b.signIn(to(b.Address.String(), c.Fingerprint), a)
	if is(t, err, session.VPNBrowser); len(a.forms) > 0 {
		t.Errorf("it asked %+v", a.forms)
	}
}

// Whoever gives up need not wait for the server.
func TestSignInIsGivenUp(t *testing.T) {
	b := newBed(t)
	var l net.Listener // which takes nobody
	if err := b.Server.Do(func() (err error) { l, err = net.Listen("tcp", b.Address.String()+":443"); return err }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		c, err := l.Accept()
		if err == nil {
			defer c.Close()
		}
		cancel()
	}()
	if _, err := b.engine.SignIn(ctx, to(b.Address.String(), ""), &answers{}); !errors.Is(err, context.Canceled) {
		t.Errorf("it is %v", err)
	}
}
