package carrier

import (
	"crypto/sha256"
	"crypto/tls"
	"sync"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/tidegate/tidegate/session"
)

const (
	// suspicion is how long a lane that went silent is not the first.
	suspicion = 5 * time.Minute
	// remembered is of how many gateways the latest is kept.
	remembered = 64
	// tickets is how many are kept for a gateway.
	tickets = 4
)

// memory is what a Dialer has learned of gateways. It is in memory alone: a
// ticket that outlived the process would tie the device to what it did before.
type memory struct {
	mu       sync.Mutex
	suspects map[suspect]time.Time // until when
	boxes    map[boxKey]*box
	uses     uint64
}

type suspect struct {
	address string
	lane    Lane
}

// boxKey keeps the tickets of one identity at one gateway apart from all others:
// a ticket stands for the certificates that were shown when it was given.
type boxKey struct {
	address  string
	lane     Lane
	identity [sha256.Size]byte
}

// suspectLane notes that a lane went silent.
func (m *memory) suspectLane(address string, lane Lane) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.suspects == nil {
		m.suspects = map[suspect]time.Time{}
	}
	now := time.Now()
	for s, until := range m.suspects {
		if !now.Before(until) {
			delete(m.suspects, s)
		}
	}
	if len(m.suspects) < 2*remembered {
		m.suspects[suspect{address, lane}] = now.Add(suspicion)
	}
}

// trust forgets a suspicion.
func (m *memory) trust(address string, lane Lane) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.suspects, suspect{address, lane})
}

func (m *memory) suspected(address string, lane Lane) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return time.Now().Before(m.suspects[suspect{address, lane}])
}

// box is where the tickets of an identity at a gateway are.
func (m *memory) box(address string, lane Lane, id session.Identity) *box {
	h := sha256.New()
	for _, der := range append([][]byte{id.CA}, id.Certificate...) {
		sum := sha256.Sum256(der)
		h.Write(sum[:])
	}
	key := boxKey{address: address, lane: lane}
	h.Sum(key.identity[:0])
	m.mu.Lock()
	defer m.mu.Unlock()
	m.uses++
	b := m.boxes[key]
	if b == nil {
		if m.boxes == nil {
			m.boxes = map[boxKey]*box{}
		}
		if len(m.boxes) >= 2*remembered {
			var oldest boxKey
			used := m.uses
			for k, b := range m.boxes {
				if b.used < used {
					oldest, used = k, b.used
				}
			}
			delete(m.boxes, oldest)
		}
		b = &box{tokens: quic.NewLRUTokenStore(1, tickets)}
		m.boxes[key] = b
	}
	b.used = m.uses
	return b
}

// box keeps tickets (RFC 8446, section 4.6.1) and address tokens (RFC 9000,
// section 8.1.3). Each is used once: one that an attacker saw again would tell
// who it is, and 0-RTT may be replayed.
type box struct {
	used   uint64 // memory's
	tokens quic.TokenStore

	mu   sync.Mutex
	kept []*tls.ClientSessionState
}

// Get takes a ticket out, the latest.
func (b *box) Get(string) (*tls.ClientSessionState, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.kept) == 0 {
		return nil, false
	}
	last := len(b.kept) - 1
	s := b.kept[last]
	b.kept[last] = nil
	b.kept = b.kept[:last]
	return s, true
}

// Put keeps a ticket. Nil says that one is of no use: it has been taken out.
func (b *box) Put(_ string, s *tls.ClientSessionState) {
	if s == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.kept) == tickets {
		copy(b.kept, b.kept[1:])
		b.kept = b.kept[:tickets-1]
	}
	b.kept = append(b.kept, s)
}
