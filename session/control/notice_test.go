package control_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
	"github.com/tidegate/tidegate/session/control"
)

// An administrator's order comes over the event stream, on either transport.
func TestNotices(t *testing.T) {
	l := newLab(t, false)
	for _, noQUIC := range []bool{false, true} {
		_, _, client := device(t, l, &control.Controller{NoQUIC: noQUIC}, "maya")
		cookie, err := client.SignIn(t.Context(), wire.SignInRequest{User: "maya", Password: "time-and-tide"})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		standing := make(chan struct{})
		stands := sync.OnceFunc(func() { close(standing) })
		go func() {
			select {
			case <-standing:
				if n, err := l.Suspend(ctx, "maya"); err != nil || n == 0 {
					t.Errorf("%d sessions were told: %v", n, err)
				}
			case <-ctx.Done():
			}
		}()
		var heard []string
		err = client.Events(ctx, cookie, session.Heard{
			Established: func(string) {},
			Snapshot:    func(wire.Snapshot) { stands() },
			Notice: func(event string, n wire.ChannelNotice) {
				heard = append(heard, event+" "+string(n.Site))
				cancel()
			},
		})
		if !errors.Is(err, context.Canceled) || len(heard) != 1 || heard[0] != "suspend " {
			t.Errorf("without QUIC %v: heard %q; ended with %v", noQUIC, heard, err)
		}
		client.Close()
	}
}
