package proxy

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/tunnel/front"
)

// strictRouter covers everything, carries nothing, and looks at what it is asked.
type strictRouter struct{ t *testing.T }

func (r strictRouter) Covers(t front.Target) bool {
	checkTarget(r.t, t, nil)
	if t.Port == 0 || t.Protocol != wire.TCP {
		r.t.Errorf("%v", t)
	}
	return true
}

func (r strictRouter) Carry(_ context.Context, o front.Offer) {
	r.Covers(o.Target)
	o.Refuse(&wire.Problem{Code: wire.CodeAppRefused, Title: "no"})
}

func (strictRouter) Packets(context.Context, front.Target) (front.Packets, error) { panic("by HTTP") }
func (strictRouter) Echo(context.Context, front.Target, int) error                { panic("by HTTP") }

// Whatever a request says, the router is asked for targets in their only
// spelling, and the file is given to nobody who does not name us as host.
func FuzzRequest(f *testing.F) {
	for _, s := range []string{
		"CONNECT wiki.corp:443 HTTP/1.1\r\nHost: wiki.corp:443\r\n\r\n",
		"CONNECT a@b:1 HTTP/1.1\r\n\r\n",
		"CONNECT /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"GET http://Wiki.Corp./a?b HTTP/1.1\r\nHost: x\r\nConnection: close, X\r\nX: y\r\n\r\n",
		"GET http://[::ffff:1.2.3.4]:80/ HTTP/1.0\r\n\r\n",
		"GET /proxy.pac HTTP/1.1\r\nHost: 127.0.0.1:21000\r\n\r\n",
		"GET //proxy.pac HTTP/1.1\r\nHost: evil:21000\r\nOrigin: null\r\n\r\n",
		"POST http:opaque HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx",
		"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		f.Add(s)
	}
	at := netip.MustParseAddrPort("127.0.0.1:21000")
	f.Fuzz(func(t *testing.T, s string) {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(s)))
		if err != nil {
			return
		}
		p := New(Options{Router: strictRouter{t}})
		p.ctx = t.Context()
		p.addr.Store(&at)
		transport := p.transport()
		p.forward = p.forwarder(transport)
		w := httptest.NewRecorder()
		p.serveHTTP(w, r.WithContext(t.Context()))
		p.carried.Wait()
		transport.CloseIdleConnections()
		if strings.Contains(w.Body.String(), "FindProxyForURL") && (!ownHost(r.Host, at) || r.Header.Get("Origin") != "") {
			t.Errorf("%q: the file was given", s)
		}
	})
}
