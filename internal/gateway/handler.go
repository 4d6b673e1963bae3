package gateway

import (
	"net/http"
	"strconv"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// bodyTimeout bounds how long a client may take to send its tokens, writeTimeout
// how long it may take to read the last event.
const (
	bodyTimeout  = 10 * time.Second
	writeTimeout = 5 * time.Second
)

// ServeHTTP serves one connection's requests: the session and its flows. It
// knows no lane: the server has to demand client certificates and to hang a
// carrier on each connection's context. While the gateway goes down it refuses
// what begins something.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := carrierOf(r.Context())
	device, leaf, err := deviceOf(r.TLS, g.now())
	if err != nil || c == nil {
		(&wire.Problem{Code: wire.CodeDevice, Status: http.StatusForbidden, Title: "A device certificate is needed", Detail: "Enrol this device."}).Write(w)
		return
	}
	quiet := connectionOf(r).silence
	quiet.note()       // it will be answered
	defer quiet.note() // the end of what was answered is sent, after hours perhaps
	connects := r.Method == http.MethodConnect
	begins := r.Method == http.MethodPost && (r.URL.Path == wire.PathDataSession || r.URL.Path == wire.PathDataCarrier)
	leave, problem := g.gate.enter(begins, connects)
	if problem != nil {
		g.refuse(w, problem)
		return
	}
	defer leave()
	switch {
	case connects && protocolOf(r) != "" && protocolOf(r) != connectUDP: // an extended CONNECT (RFC 8441, RFC 9220)
		g.refuse(w, &wire.Problem{Code: wire.CodeNotAllowed, Status: http.StatusNotImplemented, Title: "Only CONNECT and CONNECT-UDP are carried here"})
	case connects:
		bye, problem := g.welcome(r, c, device, leaf)
		if problem != nil {
			g.refuse(w, problem)
			return
		}
		defer bye()
		if protocolOf(r) == connectUDP {
			g.connectUDP(w, r, c)
			return
		}
		g.connect(w, r, c)
	case r.URL.Host != "": // to a plain proxy (RFC 9112, section 3.2.2)
		g.refuse(w, &wire.Problem{Code: wire.CodeNotAllowed, Status: http.StatusNotImplemented, Title: "Only CONNECT is carried here", Detail: "Have your program tunnel, as curl does with --proxytunnel."})
	case r.URL.Path == wire.PathDataSession && r.Method == http.MethodPost:
		g.postSession(w, r, c, device, leaf)
	case r.URL.Path == wire.PathDataSession && r.Method == http.MethodPut:
		g.putSession(w, r, c, device, leaf)
	case r.URL.Path == wire.PathDataCarrier && r.Method == http.MethodPost:
		g.postCarrier(w, r, c, device, leaf)
	case r.URL.Path == wire.PathDataDevice && r.Method == http.MethodPut:
		g.putDevice(w, r, c)
	case r.URL.Path == wire.PathDataEcho && r.Method == http.MethodPost:
		g.postEcho(w, r, c)
	case r.URL.Path == wire.PathDataSession:
		notAllowed(w, "POST, PUT")
	case r.URL.Path == wire.PathDataDevice:
		notAllowed(w, "PUT")
	case r.URL.Path == wire.PathDataCarrier, r.URL.Path == wire.PathDataEcho:
		notAllowed(w, "POST")
	default:
		(&wire.Problem{Code: wire.CodeNotFound, Status: http.StatusNotFound, Title: "There is nothing here"}).Write(w)
	}
}

// protocolOf is what an extended CONNECT names; empty: it is a plain one.
func protocolOf(r *http.Request) string {
	if r.ProtoMajor == 3 {
		if r.Proto != "HTTP/3.0" { // quic-go has it here
			return r.Proto
		}
		return ""
	}
	return r.Header.Get(":protocol")
}

func notAllowed(w http.ResponseWriter, allow string) {
	w.Header().Set("Allow", allow)
	(&wire.Problem{Code: wire.CodeNotAllowed, Status: http.StatusMethodNotAllowed, Title: "The method is not allowed here"}).Write(w)
}

// refuse writes a problem with its Proxy-Status (RFC 9209).
func (g *Gateway) refuse(w http.ResponseWriter, p *wire.Problem) {
	if p.Status == http.StatusProxyAuthRequired {
		challenge(w.Header(), p)
	}
	w.Header().Set("Proxy-Status", strconv.Quote(g.config.Name)+"; error="+proxyError(p))
	if p.Verdict != nil {
		w.Header().Set(wire.HeaderDecision, string(p.Verdict.Decision))
	}
	q := *p // Write fills in the status of one that several requests may share
	q.Write(w)
}

func proxyError(p *wire.Problem) string {
	switch {
	case p.Code == wire.CodeAppRefused:
		return "connection_refused"
	case p.Code == wire.CodeAppUnreachable && p.Status == http.StatusGatewayTimeout:
		return "connection_timeout"
	case p.Code == wire.CodeAppUnreachable:
		return "destination_unavailable"
	case p.Code == wire.CodeBadRequest:
		return "http_request_error"
	case p.Status == http.StatusForbidden, p.Status == http.StatusProxyAuthRequired:
		return "http_request_denied"
	case p.Status == http.StatusTooManyRequests:
		return "connection_limit_reached"
	}
	return "proxy_internal_error"
}
