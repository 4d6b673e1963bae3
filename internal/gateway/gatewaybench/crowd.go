package gatewaybench

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/tidegate/tidegate/internal/gateway"
	"github.com/tidegate/tidegate/internal/wire"
)

// crowd are the sessions that are there as well: each on a carrier of its own,
// whose requests come in process.
type crowd struct {
	stop context.CancelFunc
	wg   sync.WaitGroup
}

// gather admits n sessions and returns when all of them have been judged.
func gather(ctx context.Context, g *gateway.Gateway, a *authority, cert tls.Certificate, n int) (*crowd, error) {
	living, stop := context.WithCancel(ctx)
	c := &crowd{stop: stop}
	var admitting errgroup.Group
	admitting.SetLimit(2 * runtime.GOMAXPROCS(0))
	for i := range n {
		admitting.Go(func() error {
			req, err := a.tokens(cert, wire.SessionID(fmt.Sprint("crowd-", i)), 80, "staff")
			if err != nil {
				return err
			}
			body, err := json.Marshal(req)
			if err != nil {
				return fmt.Errorf("encode tokens: %w", err)
			}
			r, err := http.NewRequestWithContext(gateway.WithCarrier(living), http.MethodPost, wire.PathDataSession, bytes.NewReader(body))
			if err != nil {
				return fmt.Errorf("ask for a session: %w", err)
			}
			r.RemoteAddr = "127.0.0.1:1"
			r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{cert.Leaf}, VerifiedChains: [][]*x509.Certificate{{cert.Leaf, a.ca}}}
			w := &stream{header: http.Header{}, judged: make(chan struct{})}
			ended := make(chan struct{})
			c.wg.Go(func() {
				defer close(ended)
				g.ServeHTTP(w, r)
			})
			select {
			case <-w.judged:
				return nil
			case <-ended:
				return fmt.Errorf("session %d is refused: %d", i, w.status)
			}
		})
	}
	if err := admitting.Wait(); err != nil {
		c.leave()
		return nil, err
	}
	return c, nil
}

// leave ends the sessions.
func (c *crowd) leave() {
	c.stop()
	c.wg.Wait()
}

// stream is what a session's verdicts are written to.
type stream struct {
	header http.Header
	status int
	once   sync.Once
	judged chan struct{} // closed with the first verdicts
}

func (s *stream) Header() http.Header    { return s.header }
func (s *stream) WriteHeader(status int) { s.status = status }
func (s *stream) Flush()                 {}
func (s *stream) Write(b []byte) (int, error) {
	if s.status == http.StatusOK {
		s.once.Do(func() { close(s.judged) })
	}
	return len(b), nil
}
