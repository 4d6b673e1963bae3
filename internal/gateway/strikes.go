package gateway

import (
	"bytes"
	"container/list"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"sync"
	"time"
)

const (
	// maxTickets bounds the tickets that are good for 0-RTT, ticketsEach those of
	// one device.
	maxTickets  = 65536
	ticketsEach = 16
	// ticketLife is how long one is.
	ticketLife = 24 * time.Hour
	// ticketPrefix marks what is ours in a ticket.
	ticketPrefix = "tidegate ticket "
)

// strikes makes the tickets of TLS sessions good for 0-RTT once: a ticket that
// it has not issued, or that was shown before, resumes its session, and what was
// sent early is refused (RFC 8446, section 8.1). Register and ticket keys live
// in memory and go together, so that no ticket outlives what is known of it.
//
// Of a device the oldest are forgotten; where there are too many of all, new
// tickets are for no 0-RTT.
type strikes struct {
	now clock

	mu      sync.Mutex
	tickets map[ticketID]*list.Element
	order   list.List // of ticket, the first to expire in front
	devices map[[sha256.Size]byte][]ticketID
}

type ticketID [16]byte

type ticket0RTT struct {
	id      ticketID
	device  [sha256.Size]byte // of its certificate
	expires time.Time
}

func newStrikes(now clock) *strikes {
	return &strikes{now: now, tickets: map[ticketID]*list.Element{}, devices: map[[sha256.Size]byte][]ticketID{}}
}

// configure hangs the register on conf, whose ticket keys have to be its own.
func (k *strikes) configure(conf *tls.Config) *tls.Config {
	keys := conf.Clone() // conf is cloned for each connection; its keys stay these
	conf.WrapSession = func(cs tls.ConnectionState, ss *tls.SessionState) ([]byte, error) {
		if ss.EarlyData {
			if id, ok := k.issue(cs); ok {
				ss.Extra = append(ss.Extra, append([]byte(ticketPrefix), id[:]...))
			} else {
				ss.EarlyData = false
			}
		}
		return keys.EncryptTicket(cs, ss)
	}
	conf.UnwrapSession = func(identity []byte, cs tls.ConnectionState) (*tls.SessionState, error) {
		ss, err := keys.DecryptTicket(identity, cs)
		if err != nil || ss == nil {
			return ss, err
		}
		if !k.spend(ss.Extra) {
			ss.EarlyData = false
		}
		ss.Extra = withoutTicket(ss.Extra)
		return ss, nil
	}
	return conf
}

// issue registers a ticket of the connection's device.
func (k *strikes) issue(cs tls.ConnectionState) (id ticketID, ok bool) {
	if len(cs.PeerCertificates) == 0 {
		return id, false
	}
	rand.Read(id[:]) // never fails (crypto/rand)
	device := sha256.Sum256(cs.PeerCertificates[0].Raw)
	now := k.now()
	k.mu.Lock()
	defer k.mu.Unlock()
	for e := k.order.Front(); e != nil && !now.Before(e.Value.(ticket0RTT).expires); e = k.order.Front() {
		k.removeLocked(e)
	}
	if own := k.devices[device]; len(own) >= ticketsEach {
		k.removeLocked(k.tickets[own[0]])
	}
	if len(k.tickets) >= maxTickets {
		return id, false
	}
	k.tickets[id] = k.order.PushBack(ticket0RTT{id: id, device: device, expires: now.Add(ticketLife)})
	k.devices[device] = append(k.devices[device], id)
	return id, true
}

// spend takes a ticket out of the register, and says whether it was in it.
func (k *strikes) spend(extra [][]byte) bool {
	now := k.now()
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, x := range extra {
		raw, ok := bytes.CutPrefix(x, []byte(ticketPrefix))
		if !ok || len(raw) != len(ticketID{}) {
			continue
		}
		e := k.tickets[ticketID(raw)]
		if e == nil {
			return false
		}
		k.removeLocked(e)
		return now.Before(e.Value.(ticket0RTT).expires)
	}
	return false
}

func (k *strikes) removeLocked(e *list.Element) {
	t := k.order.Remove(e).(ticket0RTT)
	delete(k.tickets, t.id)
	own := k.devices[t.device]
	for i, id := range own {
		if id == t.id {
			own = append(own[:i:i], own[i+1:]...)
			break
		}
	}
	if len(own) == 0 {
		delete(k.devices, t.device)
	} else {
		k.devices[t.device] = own
	}
}

// withoutTicket is what of a session goes into its next ticket.
func withoutTicket(extra [][]byte) (rest [][]byte) {
	for _, x := range extra {
		if !bytes.HasPrefix(x, []byte(ticketPrefix)) {
			rest = append(rest, x)
		}
	}
	return rest
}
