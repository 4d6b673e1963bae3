package controller

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// bodyTimeout is how long a request's body may take.
const bodyTimeout = 10 * time.Second

// endpoint answers a request, or returns the refusal to answer with.
type endpoint func(http.ResponseWriter, *http.Request) *wire.Problem

// handler serves the controller's paths. Each endpoint asks for the identity
// it needs; PathEnrol asks for none, and PathSignals for a
// transmitter's signature.
func (c *Controller) handler() http.Handler {
	return c.serve(map[string]map[string]endpoint{
		wire.PathEnrol:         {http.MethodPost: c.enrol},
		wire.PathHello:         {http.MethodGet: c.hello},
		wire.PathSession:       {http.MethodPost: c.signIn, http.MethodDelete: c.signOut},
		wire.PathEvents:        {http.MethodGet: c.events},
		wire.PathAnswers:       {http.MethodPost: c.answers},
		wire.PathForecast:      {http.MethodGet: c.forecast},
		wire.PathDevice:        {http.MethodPut: c.deviceReport},
		wire.PathSignals:       {http.MethodPost: c.signal},
		wire.PathGatewayKeys:   {http.MethodGet: c.gatewayKeys},
		wire.PathGatewayEvents: {http.MethodGet: c.gatewayEvents},
		wire.PathGatewayReport: {http.MethodPost: c.gatewayReport},
		wire.PathGatewayAlert:  {http.MethodPost: c.gatewayAlert},
		wire.PathGatewayWake:   {http.MethodPost: c.gatewayWake},
	})
}

// serve makes a handler of endpoints by path and method.
func (c *Controller) serve(routes map[string]map[string]endpoint) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !c.requests.TryRLock() { // Run is ending
			refuse(wire.CodeOverload).Write(w)
			return
		}
		defer c.requests.RUnlock()
		defer func() {
			if v := recover(); v != nil {
				if v == http.ErrAbortHandler {
					panic(v)
				}
				c.log.Error("panic in handler", "path", r.URL.Path, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
				refuse(wire.CodeInternal).Write(w)
			}
		}()
		methods, ok := routes[r.URL.Path]
		if !ok {
			refuse(wire.CodeNotFound).Write(w)
			return
		}
		e, ok := methods[r.Method]
		if !ok {
			var allow []string
			for m := range methods {
				allow = append(allow, m)
			}
			slices.Sort(allow)
			w.Header().Set("Allow", strings.Join(allow, ", "))
			refuse(wire.CodeNotAllowed).Write(w)
			return
		}
		p := e(w, r)
		if p == nil {
			return
		}
		if !p.Until.IsZero() {
			w.Header().Set("Retry-After", strconv.Itoa(max(1, int(time.Until(p.Until)/time.Second)+1)))
		}
		p.Write(w)
	})
}

// readBody decodes a request's body, bounded in size and time.
func readBody(w http.ResponseWriter, r *http.Request, v any) *wire.Problem {
	return readBodyOf(w, r, wire.MaxBody, v)
}

func readBodyOf(w http.ResponseWriter, r *http.Request, most int64, v any) *wire.Problem {
	http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout)) // a recorder in a test cannot
	r.Body = http.MaxBytesReader(w, r.Body, most)
	err := wire.ReadJSONOf(r.Body, most+1, v) // one more, which the reader refuses
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		p := badRequest(fmt.Errorf("the body is larger than %d bytes", large.Limit))
		p.Status = http.StatusRequestEntityTooLarge
		return p
	}
	if err != nil {
		return badRequest(err)
	}
	return nil
}

// remoteHost is the peer's address without its port.
func remoteHost(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
