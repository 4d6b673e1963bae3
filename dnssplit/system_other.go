//go:build !linux

package dnssplit

import (
	"context"
	"net/netip"

	"github.com/tidegate/tidegate/dnssplit/osdns"
	"github.com/tidegate/tidegate/internal/helper/protocol"
)

// system: there is no helper for this system yet.
type system struct{}

func systemHelper(string) Helper { return system{} }

// Ping implements Helper.
func (system) Ping(context.Context) error { return ErrAbsent }

// Open implements Helper.
func (system) Open(context.Context) (*Sockets, error) { return nil, ErrAbsent }

// Apply implements Helper.
func (system) Apply(context.Context, []string, bool) (protocol.DNS, error) {
	return protocol.DNS{}, ErrAbsent
}

// networks: nothing is led to a device here that they could be in the way of.
func networks() ([]netip.Prefix, error) { return nil, nil }

// asked: nobody has been told anything here.
func asked(context.Context) ([]osdns.Upstream, error) { return nil, nil }
