package controller

import (
	"bytes"
	"context"
	"encoding/json"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidegate/tidegate/internal/controller/store"
	"github.com/tidegate/tidegate/internal/wire"
)

// holding is a store whose next Put waits, whoever gives up, until it may go on.
type holding struct {
	store.Store
	hold          atomic.Bool
	entered, goOn chan struct{}
}

func (h *holding) Put(ctx context.Context, key string, value []byte, expect uint64, ttl time.Duration) (uint64, error) {
	if h.hold.CompareAndSwap(true, false) {
		close(h.entered)
		<-h.goOn
	}
	return h.Store.Put(context.WithoutCancel(ctx), key, value, expect, ttl)
}

// A request that its server was closed on is still at work: Run waits for it,
// so that nothing is written once it has returned.
func TestRunAwaitsRequests(t *testing.T) {
	s := &holding{Store: &store.Memory{}, entered: make(chan struct{}), goOn: make(chan struct{})}
	r := start(t, exampleConfig(t), s, t.TempDir())
	bob := enrolled(t, r, "bob", false)
	s.hold.Store(true)
	answered := make(chan error, 1)
	body, err := json.Marshal(wire.SignInRequest{User: "bob", Password: bobPassword})
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		res, err := bob.client.Post("https://"+r.Addr()+wire.PathSession, "application/json", bytes.NewReader(body))
		if err == nil {
			res.Body.Close()
		}
		answered <- err
	}()
	<-s.entered
	ended := make(chan struct{})
	go func() { r.stop(); close(ended) }()
	<-answered // its connection has been closed
	select {
	case <-ended:
		t.Error("Run has returned, and a request is served")
	default:
	}
	close(s.goOn)
	<-ended
}
