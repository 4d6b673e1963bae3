package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

const (
	// wakeGrace is how long after its event stream has ended a client is left to
	// come back by itself.
	wakeGrace = 2 * time.Second
	// wakeAgain is how soon a client that has not come is asked again: the
	// controller may have told a stream that was dead. It doubles with each time,
	// to wakeSeldom.
	wakeAgain  = 30 * time.Second
	wakeSeldom = 5 * time.Minute
	// wakeGather is how long a batch is gathered, wakePause how long after one the
	// next comes, wakeBatch how many sessions there are in one.
	wakeGather = 50 * time.Millisecond
	wakePause  = time.Second
	wakeBatch  = 1024
)

// asked is when a client was asked last to resume, how long that holds, and when
// it is looked at again; on the monotonic clock.
type asked struct {
	last, again time.Time
	pause       time.Duration
}

// rouse has the client of a suspended session resume, where a parked flow has
// something for it: ever more seldom, until it has come.
func (s *session) rouse() {
	s.asked.again = time.Time{}
	if s.feed != nil || !s.waits() {
		s.asked.pause = min(s.asked.pause, wakeAgain)
		s.g.waker.drop(s.id)
		return
	}
	at := s.lost.Add(wakeGrace)
	if !s.asked.last.IsZero() {
		at = s.asked.last.Add(s.asked.pause)
	}
	now := time.Now()
	if !now.Before(at) {
		s.asked.last, s.asked.pause = now, min(max(2*s.asked.pause, wakeAgain), wakeSeldom)
		s.g.waker.want(s.id)
		at = now.Add(s.asked.pause)
	}
	s.asked.again = at
	s.rearm()
}

// waits says whether a parked flow has something for the client.
func (s *session) waits() bool {
	for _, f := range s.lasting {
		if !f.parked.IsZero() && f.end.Status().Pending {
			return true
		}
	}
	return false
}

// waker holds the sessions whose clients are to be woken, until the controller
// knows or nothing waits any more. The zero value is ready.
type waker struct {
	mu     sync.Mutex
	wanted map[wire.SessionID]struct{}
	news   chan struct{}
}

func (k *waker) want(sid wire.SessionID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.wanted == nil {
		k.wanted = map[wire.SessionID]struct{}{}
	}
	k.wanted[sid] = struct{}{}
	select {
	case k.channel() <- struct{}{}:
	default:
	}
}

func (k *waker) drop(sid wire.SessionID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.wanted, sid)
}

func (k *waker) channel() chan struct{} {
	if k.news == nil {
		k.news = make(chan struct{}, 1)
	}
	return k.news
}

// wanting receives when a session is wanted.
func (k *waker) wanting() <-chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.channel()
}

// batch are sessions that are wanted; it leaves them in.
func (k *waker) batch() (out []wire.SessionID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for sid := range k.wanted {
		if out = append(out, sid); len(out) == wakeBatch {
			break
		}
	}
	return out
}

// rouse asks the controller to wake clients until ctx is over: what it does not
// take is asked for again as long as it is wanted.
func (u *uplink) rouse(ctx context.Context, k *waker) {
	for {
		select {
		case <-k.wanting():
		case <-ctx.Done():
			return
		}
		if !sleep(ctx, wakeGather) {
			return
		}
		for n := 0; ; {
			batch := k.batch()
			if len(batch) == 0 {
				break
			}
			err := u.wake(ctx, batch)
			var refusal *wire.Problem
			if refused := errors.As(err, &refusal) && refusal.Status/100 == 4; err != nil && !refused {
				if pause(ctx, n) != nil {
					return
				}
				n++
				continue
			} else if refused {
				u.log.Error("the controller wakes nobody", "error", err)
			}
			n = 0
			for _, sid := range batch {
				k.drop(sid)
			}
			if !sleep(ctx, wakePause) {
				return
			}
		}
	}
}

func (u *uplink) wake(ctx context.Context, sessions []wire.SessionID) error {
	b, err := json.Marshal(wire.GatewayWake{Sessions: sessions})
	if err != nil {
		return err
	}
	return u.post(ctx, wire.PathGatewayWake, b)
}

// sleep waits; false: ctx came first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
