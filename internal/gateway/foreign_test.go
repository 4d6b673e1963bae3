package gateway

//lint:file-ignore SA1019 the client is to be another implementation's

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/tidegate/tidegate/internal/wire"
)

// bearer is the tokens as a foreign client sends them.
func (k ticket) bearer() string {
	r := k.request()
	return "Bearer " + r.ClaimsToken + "~" + r.EntitlementToken
}

// tcp is a TLS connection to the gateway.
func (a *authority) tcp(t *testing.T, to net.Addr, d device, alpn string) *tls.Conn {
	t.Helper()
	pool := x509.NewCertPool()
	pool.AddCert(a.ca)
	conf := &tls.Config{RootCAs: pool, ServerName: "gateway.test", NextProtos: []string{alpn}}
	if d.cert.PrivateKey != nil {
		conf.Certificates = []tls.Certificate{d.cert}
	}
	c, err := tls.Dial("tcp", to.String(), conf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// answer is what a foreign client got for its CONNECT.
type answer1 struct {
	status int
	header http.Header // HTTP/1.1 and 2
	io.ReadWriter
	closeWrite func() error
	abort      func()
}

// connectors are clients of each HTTP, which send a CONNECT on a connection of
// their own.
var connectors = map[string]func(t *testing.T, s *site, authority, bearer string) *answer1{
	"h1": func(t *testing.T, s *site, authority, bearer string) *answer1 {
		c := s.tcp(t, s.g.Addr(), s.device, "http/1.1")
		fmt.Fprintf(c, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n", authority, authority)
		if bearer != "" {
			fmt.Fprintf(c, "Proxy-Authorization: %s\r\n", bearer)
		}
		fmt.Fprint(c, "\r\n")
		in := bufio.NewReader(c)
		res, err := http.ReadResponse(in, &http.Request{Method: http.MethodConnect})
		if err != nil {
			t.Fatalf("CONNECT %s: %v", authority, err)
		}
		return &answer1{res.StatusCode, res.Header, readWriter{in, c}, c.CloseWrite, func() {
			c.NetConn().(*net.TCPConn).SetLinger(0)
			c.NetConn().Close()
		}}
	},
	"h2": func(t *testing.T, s *site, authority, bearer string) *answer1 {
		c := s.tcp(t, s.g.Addr(), s.device, "h2")
		cc, err := (&http2.Transport{}).NewClientConn(c)
		if err != nil {
			t.Fatal(err)
		}
		body, in := io.Pipe()
		r := (&http.Request{Method: http.MethodConnect, URL: &url.URL{Scheme: "https", Host: authority}, Host: authority, Header: http.Header{}, Body: body, ContentLength: -1}).WithContext(t.Context())
		if bearer != "" {
			r.Header.Set("Proxy-Authorization", bearer)
		}
		res, err := cc.RoundTrip(r)
		if err != nil {
			t.Fatalf("CONNECT %s: %v", authority, err)
		}
		t.Cleanup(func() { res.Body.Close(); in.Close() })
		return &answer1{res.StatusCode, res.Header, readWriter{res.Body, in}, in.Close, func() { res.Body.Close() }}
	},
	"h3": func(t *testing.T, s *site, authority, bearer string) *answer1 {
		c := s.foreignH3(t, s.g.Addr(), s.device, false)
		var more []string
		if bearer != "" {
			more = []string{"proxy-authorization", bearer}
		}
		str := c.connect(authority, more...)
		status, fields := str.answer(t)
		h := http.Header{}
		for k, v := range fields {
			h.Set(k, v)
		}
		return &answer1{status, h, str, str.Close, func() { str.CancelRead(0x10c); str.CancelWrite(0x10c) }}
	},
}

type readWriter struct {
	io.Reader
	io.Writer
}

// TestForeignClients opens flows by every HTTP with nothing but a CONNECT.
func TestForeignClients(t *testing.T) {
	for lane, connect := range connectors {
		t.Run(lane, func(t *testing.T) {
			s := newSite(t, echo, nil)
			a := connect(t, s, s.app, s.ticket().bearer())
			if a.status != http.StatusOK {
				t.Fatalf("answered %d", a.status)
			}
			if a.header.Get(wire.HeaderDecision) == "" {
				t.Error("no decision")
			}
			ping(t, a, "hello")
			sent := make([]byte, 3<<20)
			rand.Read(sent)
			go func() {
				a.Write(sent)
				a.closeWrite() // half-close: the echo is still to come
			}()
			got, err := io.ReadAll(a)
			if err != nil || !bytes.Equal(got, sent) {
				t.Fatalf("echo of %d bytes: %d bytes, %v", len(sent), len(got), err)
			}
			for end := time.Now().Add(20 * time.Second); lane == "h1" && len(s.g.registry.all()) > 0; {
				if time.Now().After(end) {
					t.Fatal("the session did not end with its connection")
				}
				time.Sleep(time.Millisecond)
			}
		})
	}
}

// TestForeignRefusals: the same rules hold on every lane, and tokens are needed.
func TestForeignRefusals(t *testing.T) {
	for lane, connect := range connectors {
		t.Run(lane, func(t *testing.T) {
			s := newSite(t, echo, nil)
			k := s.ticket().entitle("code", "code.test", 80, `within(responses.mfa, duration("60m"))`, wire.InteractionMFA)
			expired, stranger := s.ticket(), s.ticket()
			expired.lifetime = -time.Minute
			stranger.authority = newAuthority(t)
			for _, row := range []struct {
				name, authority, bearer string
				status                  int
			}{
				{"not entitled", "other.test:80", k.bearer(), http.StatusForbidden},
				{"denied", "code.test:80", k.bearer(), http.StatusForbidden},
				{"the gateway itself", s.g.Addr().String(), k.bearer(), http.StatusForbidden},
				{"expired tokens", s.app, expired.bearer(), http.StatusProxyAuthRequired},
				{"another controller's", s.app, stranger.bearer(), http.StatusProxyAuthRequired},
				{"no tokens at all", s.app, "Bearer x", http.StatusProxyAuthRequired},
				{"one token", s.app, "Bearer " + k.request().ClaimsToken, http.StatusProxyAuthRequired},
				{"another scheme", s.app, "Digest username=x", http.StatusProxyAuthRequired},
			} {
				a := connect(t, s, row.authority, row.bearer)
				if a.status != row.status {
					t.Errorf("%s: answered %d", row.name, a.status)
				}
				if lane != "h3" && (a.header.Get("Proxy-Status") == "" || row.status == http.StatusProxyAuthRequired && len(a.header.Values("Proxy-Authenticate")) != 2) {
					t.Errorf("%s: %v", row.name, a.header)
				}
				if lane != "h3" && row.status == http.StatusForbidden && a.header.Get(wire.HeaderDecision) == "" {
					t.Errorf("%s: no decision in %v", row.name, a.header)
				}
			}
			if lane == "h1" {
				if a := connect(t, s, s.app, ""); a.status != http.StatusProxyAuthRequired {
					t.Errorf("nothing: answered %d", a.status)
				}
			}
		})
	}
}

// TestForeignRevocation: a verdict that ends resets the flows of foreign clients,
// and of our own client of that session, on every lane.
func TestForeignRevocation(t *testing.T) {
	s := newSite(t, echo, nil)
	own := s.client(t, s.g.Addr(), s.device)
	own.admit(s.ticket())
	str := own.flow(s.app)
	ping(t, str, "mine")
	var open []*answer1
	for lane, connect := range connectors {
		a := connect(t, s, s.app, s.ticket().bearer())
		if a.status != http.StatusOK {
			t.Fatalf("%s: answered %d", lane, a.status)
		}
		ping(t, a, lane)
		open = append(open, a)
	}
	ping(t, str, "still there")
	if err := s.g.learn(s.token(wire.TypePolicy, wire.PolicyToken{Revision: 7, Revoked: map[wire.SessionID]time.Time{"s-1": time.Now().Add(time.Hour)}})); err != nil {
		t.Fatal(err)
	}
	expectReset(t, str, codeCut)
	for _, a := range open {
		if _, err := io.Copy(io.Discard, a); err == nil {
			t.Error("a flow ended in order, want a reset")
		}
	}
	if a := connectors["h1"](t, s, s.app, s.ticket().bearer()); a.status != http.StatusForbidden {
		t.Errorf("after the revocation: %d", a.status)
	}
}

// TestForeignSessionOfAConnection: several flows of a connection share a session,
// which takes newer tokens and ends with the connection.
func TestForeignSessionOfAConnection(t *testing.T) {
	s := newSite(t, echo, nil)
	c := s.foreignH3(t, s.g.Addr(), s.device, false)
	k := s.ticket()
	for _, bearer := range []string{k.bearer(), "", k.bearer()} {
		str := c.connect(s.app, "proxy-authorization", bearer)
		if bearer == "" {
			str = c.connect(s.app)
		}
		if status, _ := str.answer(t); status != http.StatusOK {
			t.Fatalf("answered %d", status)
		}
		ping(t, str, "hello")
		if n := len(s.g.registry.all()); n != 1 {
			t.Errorf("%d sessions", n)
		}
	}
	session := s.g.registry.all()[0]
	c.conn.CloseWithError(0x100, "")
	<-session.done

	conn := s.tcp(t, s.g.Addr(), s.device, "h2")
	cc, err := (&http2.Transport{}).NewClientConn(conn)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		res, err := cc.RoundTrip(&http.Request{Method: http.MethodConnect, URL: &url.URL{Scheme: "https", Host: s.app}, Host: s.app, Header: http.Header{"Proxy-Authorization": {k.bearer()}}})
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%v, %v", res, err)
		}
		res.Body.Close()
		if n := len(s.g.registry.all()); n != 1 {
			t.Errorf("%d sessions", n)
		}
	}
	session = s.g.registry.all()[0]
	conn.Close()
	<-session.done
}

func FuzzBearer(f *testing.F) {
	for _, s := range []string{"Bearer a.b.c~d.e.f", "bearer a~", "Basic dXNlcjphfmI=", "Basic x", "Bearer ~", "Digest a~b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, v string) {
		req, ok := readBearer(v)
		if ok && (req.ClaimsToken == "" || req.EntitlementToken == "" || req.Instance != "") {
			t.Errorf("%q reads as %+v", v, req)
		}
	})
}
