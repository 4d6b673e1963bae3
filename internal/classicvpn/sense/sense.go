// Package sense sees which classic VPNs run on this machine, whoever runs them, and
// where one of them and ZTA are in each other's way: the six features of seed 000,
// as the kernel shows them. Package classicvpn calls it, and reports what it says.
//
// It hears of links, addresses, routes and rules from the kernel, of programs and
// firewalls from the helper, and of names from systemd-resolved, and looks when
// something has changed, Settle later, and each Sweep, or Calm while there is nothing
// to see. It needs no privilege.
// Without a helper it does not know whose a device is that another user's program
// holds, nor what a firewall says: that one drops what leaves by the physical
// adapter is seen all the same, by an empty datagram of one hop, and the evidence
// says what is not known.
//
// Run is for one goroutine and calls its function there. All else may be called
// from any.
package sense

import (
	"context"
	"log/slog"
	"net/netip"
	"reflect"
	"sync"
	"time"

	"github.com/tidegate/tidegate/internal/helper/protocol"
	"github.com/tidegate/tidegate/session"
)

const (
	// Settle is how long changes are gathered before it looks: a VPN that connects
	// makes dozens.
	Settle = 150 * time.Millisecond
	// Sweep is how often it looks where nothing has changed: not all is announced.
	Sweep = 15 * time.Second
	// Calm is how often where nothing was found, and what makes one is announced.
	Calm = time.Minute
)

// Sensor is what the helper sees; a *client.Sensor is one.
type Sensor interface {
	// Next is all that there is: at once the first time, and after that when it is
	// something else.
	Next(ctx context.Context) (protocol.Sensed, error)
	Close()
}

// Options for New. The zero value has no helper.
type Options struct {
	// Helper begins to hear from the helper (client.Helper.Sense). It is called
	// again, Sweep after it failed or what it made has, and less often while it
	// always does. Nil: there is none.
	Helper func(context.Context) (Sensor, error)
	// Ignore says which devices are nobody's VPN, by name, besides the helper's own;
	// nil: none.
	Ignore func(device string) bool
	// Bus is the address of the system's D-Bus; empty: where it is.
	Bus string
	// Root is the folder that has the system's files; empty: /.
	Root string
	// Log is for the developer; nil is silent.
	Log *slog.Logger
}

// Sense sees them. Make it with New.
type Sense struct {
	o       Options
	system  system
	resolve func(ctx context.Context, host string) ([]netip.Addr, error)

	mu    sync.Mutex
	guard session.VPNGuard
	own   map[string]string // by device: the user's connection
	// again has a token when guard or own is another.
	again chan struct{}
}

// New makes a Sense. It starts nothing.
func New(o Options) *Sense {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Ignore == nil {
		o.Ignore = func(string) bool { return false }
	}
	return &Sense{o: o, system: newSystem(o), resolve: resolve, own: map[string]string{}, again: make(chan struct{}, 1)}
}

// Guard says what is ZTA's, whole.
func (s *Sense) Guard(g session.VPNGuard) {
	s.mu.Lock()
	same := reflect.DeepEqual(s.guard, g)
	s.guard = g
	s.mu.Unlock()
	if !same {
		s.wake()
	}
}

// Own says that a device is that of a connection of the user's, by its ID: it is
// among the conflicts by that, and not among the others. Without a connection it
// is nobody's any more.
func (s *Sense) Own(device, connection string) {
	s.mu.Lock()
	same := s.own[device] == connection
	if connection == "" {
		delete(s.own, device)
	} else {
		s.own[device] = connection
	}
	s.mu.Unlock()
	if !same {
		s.wake()
	}
}

func (s *Sense) wake() {
	select {
	case s.again <- struct{}{}:
	default:
	}
}
