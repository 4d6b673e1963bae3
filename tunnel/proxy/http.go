package proxy

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"

	"github.com/tidegate/tidegate/internal/wire"
)

// serveHTTP answers one request.
func (p *Proxy) serveHTTP(w http.ResponseWriter, r *http.Request) {
	if !p.serving.TryRLock() {
		return
	}
	defer p.serving.RUnlock()
	switch {
	case r.Method == http.MethodConnect:
		p.connect(w, r)
	case r.URL.Scheme != "" || r.URL.Opaque != "":
		p.request(w, r)
	default:
		p.own(w, r)
	}
}

// connect carries a CONNECT (RFC 9110, section 9.3.6).
func (p *Proxy) connect(w http.ResponseWriter, r *http.Request) {
	t, err := parseAuthority(r.RequestURI, 0)
	if err != nil {
		refuse(w, r, unreadable(err))
		return
	}
	if r.ContentLength != 0 { // a body would be taken for the connection's bytes by one of us
		refuse(w, r, unreadable(fmt.Errorf("a CONNECT has no body")))
		return
	}
	raw, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		refuse(w, r, ending())
		return
	}
	c := raw.(*conn)
	ahead, _ := buffered.Reader.Peek(buffered.Reader.Buffered())
	c.head = append(bytes.Clone(ahead), c.head...)
	p.carry(p.ctx, c, t,
		func() error { return c.say([]byte("HTTP/1.1 200 Connection established\r\n\r\n")) },
		func(problem *wire.Problem) { c.say(response(problem, r.Header.Get("Accept"))) })
}

// response is a refusal as it goes over a connection that was taken from the server.
func response(p *wire.Problem, accept string) []byte {
	status, _ := statusOf(p)
	h, body := describe(p, accept)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Connection", "close")
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", status, http.StatusText(status))
	h.Write(&b) // a bytes.Buffer takes everything
	b.WriteString("\r\n" + body)
	return b.Bytes()
}

// request forwards a request in absolute form (RFC 9112, section 3.2.2).
func (p *Proxy) request(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Scheme != "http" || r.URL.Opaque != "":
		refuse(w, r, unreadable(fmt.Errorf("only http:// is forwarded; what is encrypted goes by CONNECT")))
		return
	case r.URL.User != nil:
		refuse(w, r, unreadable(fmt.Errorf("a user name in an address is not passed on")))
		return
	case r.Method == http.MethodTrace:
		refuse(w, r, unreadable(fmt.Errorf("TRACE is not forwarded")))
		return
	}
	t, err := parseAuthority(r.URL.Host, 80)
	if err != nil {
		refuse(w, r, unreadable(err))
		return
	}
	if !p.opt.Router.Covers(t) {
		refuse(w, r, p.notOurs(t))
		return
	}
	ctx := context.WithValue(r.Context(), programKey{}, r.Context())
	p.forward.ServeHTTP(w, r.WithContext(context.WithValue(ctx, targetKey{}, t)))
}

// own answers what is asked of the proxy itself.
func (p *Proxy) own(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Cache-Control", "no-store")
	at := p.Addr()
	switch {
	case !ownHost(r.Host, at), !fromNoPage(r.Header):
		http.Error(w, "A web page must not ask this.", http.StatusForbidden)
	case r.URL.Path != "/proxy.pac":
		http.Error(w, "This is Tidegate's proxy, for programs of yours. Browsers are told to use it by /proxy.pac.", http.StatusNotFound)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "The method is not allowed here.", http.StatusMethodNotAllowed)
	default:
		body := p.pac.Load().file(at)
		h.Set("Content-Type", "application/x-ns-proxy-autoconfig")
		h.Set("Content-Length", strconv.Itoa(len(body)))
		if r.Method == http.MethodGet {
			w.Write(body) // an error here is the program's going away
		}
	}
}

// ownHost says whether a request names us as its host: a page whose name was
// made to lead here (DNS rebinding) names another.
func ownHost(host string, at netip.AddrPort) bool {
	return at.IsValid() && (host == at.String() || host == "localhost:"+strconv.Itoa(int(at.Port())))
}

// fromNoPage says whether nothing in a request shows that a web page made it.
func fromNoPage(h http.Header) bool {
	site := h.Values("Sec-Fetch-Site") // none: the user typed it
	return len(h.Values("Origin")) == 0 && len(h.Values("Referer")) == 0 &&
		(len(site) == 0 || len(site) == 1 && site[0] == "none")
}
