package virtual_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidegate/tidegate/internal/lab/virtual"
	"github.com/tidegate/tidegate/session"
)

// A client that nobody uses sends what keeps its control channel alive, and one that
// nobody is signed in to sends nothing.
func TestRest(t *testing.T) {
	for _, c := range []struct {
		name  string
		begin func(t *testing.T) *virtual.Lab
		most  int // packets in an hour
	}{
		{"not signed in", signedOut, 0},
		{"signed out", func(t *testing.T) *virtual.Lab {
			l := unused(t)
			l.Client.SignOut()
			return l
		}, 0},
		// A PING each five seconds, an acknowledgement of each heartbeat, and a look at
		// the path now and then.
		{"signed in, and suspended", func(t *testing.T) *virtual.Lab {
			l := inUse(t)
			time.Sleep(10 * time.Minute)
			if s := l.Client.State().Sites[0].State; s != session.Suspended {
				t.Fatalf("the data channel is %s", s)
			}
			return l
		}, 60 * (12 + 3 + 2)},
		// Eight to fifteen tries a minute, of few packets each.
		{"without a network", func(t *testing.T) *virtual.Lab {
			l := unused(t)
			l.Client.Interrupt()
			return l
		}, 60 * 75},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := c.begin(t)
				time.Sleep(2 * time.Minute)
				before := l.Client.Sent()
				time.Sleep(time.Hour)
				n := l.Client.Sent() - before
				if n > c.most {
					t.Errorf("%d packets in an hour, want %d at most", n, c.most)
				}
			})
		})
	}
}
