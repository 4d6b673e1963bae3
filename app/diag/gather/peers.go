package gather

import (
	"sync"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// maxGateways bounds how many gateways are looked at.
const maxGateways = 12

// Peers are who is connected to, and as whom. The key of the identity is used,
// and shown nowhere.
type Peers struct {
	Identity session.Identity
	Gateways []wire.Gateway
}

func (p Peers) gateways() []wire.Gateway {
	return p.Gateways[:min(len(p.Gateways), maxGateways)]
}

// Wanted keeps of what a session wants of the data plane what Peers are; its
// tokens it does not keep. The zero value is ready.
type Wanted struct {
	mu    sync.Mutex
	peers Peers
}

// Apply notes what is wanted now.
func (w *Wanted) Apply(wanted session.Wanted) {
	p := Peers{Identity: wanted.Identity}
	known := map[wire.Gateway]bool{}
	for _, s := range wanted.Sites {
		for _, g := range s.Gateways {
			if !known[g] {
				known[g] = true
				p.Gateways = append(p.Gateways, g)
			}
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.peers = p
}

// Peers are those of the last Apply.
func (w *Wanted) Peers() Peers {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.peers
}
