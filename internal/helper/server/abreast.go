//go:build linux

package server

import (
	"sync"
	"time"
)

// hearing bounds how long it is waited for a client to hear of names what is new.
const hearing = time.Second

// abreast is whether the client that answers names knows whom to ask. The zero value
// says that it does.
type abreast struct {
	mu     sync.Mutex
	behind chan struct{} // nil: it does; else it is closed when it does
}

// changed says that there is something new.
func (a *abreast) changed() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.behind == nil {
		a.behind = make(chan struct{})
	}
}

// asks says that it asks, and what this returns that it has had the answer: what has
// changed meanwhile is not in that.
func (a *abreast) asks() (answered func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	was := a.behind
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if was != nil && a.behind == was {
			close(was)
			a.behind = nil
		}
	}
}

// wait waits until it does, hearing at most.
func (a *abreast) wait() {
	a.mu.Lock()
	behind := a.behind
	a.mu.Unlock()
	if behind == nil {
		return
	}
	late := time.NewTimer(hearing)
	defer late.Stop()
	select {
	case <-behind:
	case <-late.C:
	}
}
