package gateway

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// TestEarlyRequestEndsNothing: a session request in 0-RTT may be one that somebody
// has kept back. It takes no session from another client process, and no event
// stream from the one that has it, until the handshake is complete.
func TestEarlyRequestEndsNothing(t *testing.T) {
	for name, row := range map[string]struct {
		instance string
		resets   bool
	}{
		"of another client process": {instance: "process-0", resets: true},
		"of the same":               {instance: "process-1"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSim(t, recorded, halves)
				c := s.client(t, s.device)
				k := s.lastingTicket()
				v, _ := c.admit(k)
				lost := make(chan struct{})
				go func() {
					defer close(lost)
					for {
						if _, err := v.events.Next(); err != nil {
							return
						}
					}
				}()
				e := newEnd(t, "app.test:22")
				e.attach(c)
				app := <-s.apps
				go io.Copy(app, app)

				was := c.tokens
				was.Instance = row.instance
				b, err := json.Marshal(was)
				if err != nil {
					t.Fatal(err)
				}
				leaf, err := x509.ParseCertificate(s.device.cert.Certificate[0])
				if err != nil {
					t.Fatal(err)
				}
				secured, gone := make(chan struct{}), make(chan struct{})
				post := func(end <-chan struct{}) (done chan struct{}) {
					done = make(chan struct{})
					ctx, cancel := context.WithCancel(t.Context())
					go func() { <-end; cancel() }()
					r := httptest.NewRequest(http.MethodPost, wire.PathDataSession, strings.NewReader(string(b))).
						WithContext(withConnection(ctx, connection{secured: secured, gone: end}))
					go func() {
						defer close(done)
						s.g.postSession(httptest.NewRecorder(), r, newCarrier(), s.device.id, leaf)
					}()
					return done
				}
				replayed := post(gone)
				time.Sleep(time.Minute)
				select {
				case <-lost:
					t.Error("a request in 0-RTT took the event stream")
				default:
				}
				say(t, e.program, "mine")
				line(t, e.program, "mine")
				close(gone)
				<-replayed

				end := make(chan struct{})
				served := post(end)
				close(secured)
				<-lost
				if row.resets {
					app.expectReset(t)
				}
				close(end)
				<-served
			})
		})
	}
}
