package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/quic-go/testutils/simnet"

	flows "github.com/tidegate/tidegate/internal/flow"
	"github.com/tidegate/tidegate/internal/wire"
)

// TestEverythingAtOnce has many connections of two processes of one session begin,
// join, renew, open, resume and leave at once, while it is cut and revoked: nothing
// waits for ever, and nothing is left.
func TestEverythingAtOnce(t *testing.T) {
	for seed := range uint64(2) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const members, each = 6, 3
				s := newSimOf(t, members*each, recorded, halves)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				go func() {
					for {
						select {
						case app := <-s.apps:
							go io.Copy(app, app)
						case <-ctx.Done():
							return
						}
					}
				}()
				var all sync.WaitGroup
				ids := []flows.ID{flows.NewID(), flows.NewID(), flows.NewID(), flows.NewID()}
				for n := range members {
					m := &member{sim: s, t: t, r: rand.New(rand.NewPCG(seed, uint64(n))), k: s.lastingTicket(), ids: ids}
					m.k.instance = fmt.Sprint("process-", n%2)
					ends := s.ends[n*each : (n+1)*each]
					all.Go(func() {
						for _, end := range ends {
							m.connect(end)
						}
					})
				}
				all.Wait()
				time.Sleep(time.Minute)
				m := &member{sim: s}
				m.revoke()
				time.Sleep(time.Minute)
				if n := len(s.g.registry.all()); n != 0 {
					t.Errorf("%d sessions are left", n)
				}
				count := map[string]int{}
				for _, r := range s.ledger.take() {
					count[r.Kind]++
				}
				if count["session-added"] != count["session-removed"] || count["flow-opened"] != count["flow-closed"]+count["flow-cut"] || count["flow-opened"] == 0 {
					t.Errorf("recorded %v", count)
				}
			})
		})
	}
}

// member is a connection's client after the other.
type member struct {
	*sim
	t   *testing.T
	r   *rand.Rand
	k   ticket
	ids []flows.ID
}

func (m *member) connect(end *simnet.SimConn) {
	q, err := m.dial(end, m.at, m.device)
	if err != nil {
		m.t.Error(err)
		return
	}
	defer q.CloseWithError(0x100, "")
	c := (&http3.Transport{}).NewClientConn(q)
	var asking sync.WaitGroup
	defer asking.Wait()
	for range 12 {
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(m.r.IntN(4000))*time.Millisecond)
		do := m.open
		switch m.r.IntN(6) {
		case 0, 1:
			do = m.ask(http.MethodPost, wire.PathDataSession)
		case 2:
			do = m.ask(http.MethodPost, wire.PathDataCarrier)
		case 3:
			do = m.ask(http.MethodPut, wire.PathDataSession)
		}
		h := flows.Header{ID: m.ids[m.r.IntN(len(m.ids))], Epoch: 1}
		if m.r.IntN(2) == 0 {
			h.Epoch = uint64(time.Now().Unix())
		}
		asking.Go(func() {
			defer cancel()
			do(ctx, c, h)
		})
		time.Sleep(time.Duration(m.r.IntN(300)) * time.Millisecond)
		switch m.r.IntN(80) {
		case 0:
			m.revoke()
		case 1, 2:
			m.cut()
		}
	}
}

// ask sends the tokens somewhere, and reads what comes until ctx is over.
func (m *member) ask(method, path string) func(context.Context, *http3.ClientConn, flows.Header) {
	return func(ctx context.Context, c *http3.ClientConn, _ flows.Header) {
		b, err := json.Marshal(m.k.request())
		if err != nil {
			m.t.Error(err)
			return
		}
		r, err := http.NewRequestWithContext(ctx, method, "https://gateway.test"+path, bytes.NewReader(b))
		if err != nil {
			m.t.Error(err)
			return
		}
		if res, err := c.RoundTrip(r); err == nil {
			io.Copy(io.Discard, res.Body)
			res.Body.Close()
		}
	}
}

// open opens or resumes a flow, and leaves it when ctx is over.
func (m *member) open(ctx context.Context, c *http3.ClientConn, h flows.Header) {
	str, err := c.OpenRequestStream(ctx)
	if err != nil {
		return
	}
	defer context.AfterFunc(ctx, func() {
		str.CancelRead(codeAborted)
		str.CancelWrite(codeAborted)
	})()
	r := &http.Request{Method: http.MethodConnect, URL: &url.URL{Host: "app.test:22"}, Host: "app.test:22", Header: http.Header{wire.HeaderFlow: {h.String()}}}
	if str.SendRequestHeader(r) != nil {
		return
	}
	if res, err := str.ReadResponse(); err == nil && res.StatusCode == http.StatusOK {
		io.Copy(io.Discard, str)
	}
}

func (m *member) revoke() {
	for _, s := range m.g.registry.all() {
		s.end(ending{trigger: "revoked"})
	}
}

func (m *member) cut() {
	for _, s := range m.g.registry.all() {
		s.call(func() {
			for _, e := range s.entitlements {
				s.cut(e, wire.TriggerRenewal)
			}
		})
	}
}
