package controller

import (
	"net"
	"sync"
	"time"
)

// admission asks QUIC clients to prove their address (RFC 9000, section 8.1.2)
// while more than a few come in a second. The zero value is ready.
type admission struct {
	mu     sync.Mutex
	second int64
	count  int
}

// freely is how many connections a second are not asked.
const freely = 50

func (a *admission) verify(net.Addr) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if now := time.Now().Unix(); now != a.second {
		a.second, a.count = now, 0
	}
	a.count++
	return a.count > freely
}
