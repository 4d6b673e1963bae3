package reevaluate

import (
	"sync"
	"weak"
)

// interned is values by their keys, each for as long as someone uses it.
type interned[T any] struct {
	mu    sync.Mutex
	known map[string]weak.Pointer[T]
	sweep int // size of known at which what is gone is forgotten
}

// get is the value of that key, or what fresh makes. An error is not kept, and
// neither is the value that came with it.
func (n *interned[T]) get(key string, fresh func() (*T, error)) (*T, error) {
	n.mu.Lock()
	v := n.known[key].Value()
	n.mu.Unlock()
	if v != nil {
		return v, nil
	}
	made, err := fresh()
	if err != nil {
		return made, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if v = n.known[key].Value(); v != nil {
		return v, nil // another goroutine was faster
	}
	if len(n.known) >= n.sweep {
		for k, p := range n.known {
			if p.Value() == nil {
				delete(n.known, k)
			}
		}
		n.sweep = 2*len(n.known) + 64
	}
	if n.known == nil {
		n.known = map[string]weak.Pointer[T]{}
	}
	n.known[key] = weak.Make(made)
	return made, nil
}
