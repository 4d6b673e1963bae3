package proxy

import (
	"html/template"
	"net/http"
	"strings"

	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/internal/plaintext"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/tunnel/front"
)

// notOurs refuses what the router does not cover.
func (p *Proxy) notOurs(t front.Target) *wire.Problem {
	if len(p.pac.Load().list) == 0 {
		return &wire.Problem{Code: wire.CodeNoSession, Title: "There are no applications now",
			Detail: "Sign in to Tidegate, and try again; `tidegate status` says what is needed."}
	}
	return &wire.Problem{
		Code:   wire.CodeNotEntitled,
		Status: http.StatusForbidden,
		Title:  "This is none of your applications",
		Detail: lang.English("%s: Tidegate's proxy leads to your organisation's applications alone, and to no other site. "+
			"Have the program use the proxy for those alone; for browsers /proxy.pac says which they are.", t.Host),
	}
}

func unreadable(err error) *wire.Problem {
	return &wire.Problem{Code: wire.CodeBadRequest, Status: http.StatusBadRequest, Title: "The destination cannot be read", Detail: err.Error()}
}

// ending refuses what comes while the proxy ends.
func ending() *wire.Problem {
	return &wire.Problem{Code: wire.CodeOverload, Status: http.StatusServiceUnavailable, Title: "Tidegate is shutting down"}
}

// statusOf is a refusal's status and its error type of Proxy-Status (RFC 9209,
// section 2.3), which say whether the application refused, cannot be reached, or
// access was denied.
func statusOf(p *wire.Problem) (status int, kind string) {
	switch p.Code {
	case wire.CodeAppRefused:
		return http.StatusBadGateway, "connection_refused"
	case wire.CodeAppUnreachable:
		if p.Status == http.StatusGatewayTimeout {
			return http.StatusGatewayTimeout, "connection_timeout"
		}
		return http.StatusBadGateway, "destination_unavailable"
	case wire.CodeBadRequest:
		return http.StatusBadRequest, "http_request_error"
	case wire.CodeNoSession, wire.CodeOverload, wire.CodeSuspended:
		return http.StatusServiceUnavailable, "proxy_internal_response"
	case wire.CodeInternal, wire.CodeFlowGone:
		return http.StatusBadGateway, "proxy_internal_error"
	}
	return http.StatusForbidden, "http_request_denied"
}

var page = template.Must(template.New("").Parse(`<!doctype html>
<html lang="{{.Language}}"><meta charset="utf-8"><title>{{.Title}}</title>
<body style="font: 16px/1.5 sans-serif; max-width: 36em; margin: 4em auto; padding: 0 1em">
<h1 style="font-size: 1.4em">{{.Title}}</h1><p>{{.Detail}}</p><p style="color: #666">Tidegate</p></body></html>
`))

// describe makes a refusal's headers and body: a page in the user's language for who
// reads HTML, and a line in English for other programs.
func describe(p *wire.Problem, accept string) (http.Header, string) {
	_, kind := statusOf(p)
	h := http.Header{}
	h.Set("Proxy-Status", "tidegate; error="+kind)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if p.Verdict != nil && p.Verdict.Decision != "" {
		h.Set(wire.HeaderDecision, plaintext.Line(string(p.Verdict.Decision)))
	}
	if strings.Contains(accept, "text/html") {
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
		var b strings.Builder
		page.Execute(&b, struct{ Language, Title, Detail string }{lang.Tag(), lang.Told(p.Title), lang.Told(p.Detail)}) // a strings.Builder takes everything
		return h, b.String()
	}
	h.Set("Content-Type", "text/plain; charset=utf-8")
	return h, plaintext.Line(p.Error()) + "\n"
}

// refuse answers a request with why not.
func refuse(w http.ResponseWriter, r *http.Request, p *wire.Problem) {
	status, _ := statusOf(p)
	h, body := describe(p, r.Header.Get("Accept"))
	for name, values := range h {
		w.Header()[name] = values
	}
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		w.Write([]byte(body)) // an error here is the program's going away
	}
}
