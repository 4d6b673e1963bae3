package proxy

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"strconv"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/tunnel/front"
)

// targetKey holds the front.Target of a request that is forwarded.
type targetKey struct{}

// programKey holds the context of the request that a connection is dialled for:
// a transport's own does not end when the program goes away.
type programKey struct{}

// transport keeps connections to applications for the next request, a while.
func (p *Proxy) transport() *http.Transport {
	t := &http.Transport{
		DialContext:            p.dial,
		DisableCompression:     true, // what the application sends is passed on as it is
		MaxIdleConns:           64,
		MaxIdleConnsPerHost:    8,
		IdleConnTimeout:        10 * time.Second,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: 4 * maxHeader,
		Protocols:              new(http.Protocols),
	}
	t.Protocols.SetHTTP1(true)
	return t
}

// forwarder passes requests on, and strips what concerns one hop only.
func (p *Proxy) forwarder(t http.RoundTripper) http.Handler {
	return &httputil.ReverseProxy{
		Transport:     t,
		FlushInterval: -1,
		ErrorLog:      slog.NewLogLogger(p.opt.Log.Handler(), slog.LevelDebug),
		Rewrite: func(r *httputil.ProxyRequest) {
			to := r.In.Context().Value(targetKey{}).(front.Target)
			r.Out.URL.Scheme = "http"
			r.Out.URL.Host = net.JoinHostPort(to.Host, strconv.Itoa(int(to.Port)))
			r.Out.URL.RawQuery = r.In.URL.RawQuery
			r.Out.Host = r.In.Host
			for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
				if v := r.In.Header[name]; v != nil {
					r.Out.Header[name] = v // the program's own; we add nothing
				}
			}
			if r.In.Header.Values("User-Agent") == nil {
				r.Out.Header["User-Agent"] = nil // none is added
			}
			r.Out.Header.Add("Via", "1.1 tidegate") // RFC 9110, section 7.6.3
		},
		ModifyResponse: func(r *http.Response) error {
			r.Header.Add("Via", "1.1 tidegate")
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			var problem *wire.Problem
			switch {
			case errors.As(err, &problem):
			case p.ctx.Err() != nil:
				problem = ending()
			case r.Context().Err() != nil:
				panic(http.ErrAbortHandler) // the program is gone
			default:
				problem = &wire.Problem{Code: wire.CodeAppUnreachable, Title: "The connection to the application ended before it answered",
					Detail: "Try again; if it goes on, tell your administrator."}
			}
			refuse(w, r, problem)
		},
	}
}

// dial opens a connection to an application, and is the program at its near end.
// A refusal is a *wire.Problem.
func (p *Proxy) dial(ctx context.Context, _, addr string) (net.Conn, error) {
	t, err := parseAuthority(addr, 0)
	if err != nil {
		return nil, err
	}
	if !p.serving.TryRLock() { // the program is gone, and so are we
		return nil, ending()
	}
	defer p.serving.RUnlock()
	if !p.opt.Router.Covers(t) { // the policy may have changed since the request was read
		return nil, p.notOurs(t)
	}
	carrying, cancel := context.WithCancel(p.ctx)
	type answer struct {
		conn *memoryConn
		err  error
	}
	answers := make(chan answer, 1)
	tell := func(a answer) bool { // the first is the one that counts
		select {
		case answers <- a:
			return true
		default:
			return false
		}
	}
	p.carried.Go(func() {
		defer cancel()
		p.opt.Router.Carry(carrying, front.Offer{
			Target: t, Via: front.ViaProxy,
			Accept: func() (front.Conn, error) {
				near, far := memoryPair()
				if !tell(answer{conn: near}) {
					return nil, net.ErrClosed
				}
				return far, nil
			},
			Refuse: func(problem *wire.Problem) { tell(answer{err: problem}) },
		})
		tell(answer{err: context.Canceled}) // for one that was told nothing
	})
	program, ok := ctx.Value(programKey{}).(context.Context)
	if !ok {
		program = ctx
	}
	select {
	case a := <-answers:
		if a.err != nil {
			return nil, a.err
		}
		return a.conn, nil
	case <-ctx.Done():
		cancel()
		return nil, context.Cause(ctx)
	case <-program.Done():
		cancel()
		return nil, context.Cause(program)
	}
}
