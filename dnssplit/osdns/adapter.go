package osdns

import (
	"fmt"
	"net/netip"
)

// Adapter is the one that the network is reached by: that which a classic VPN's
// own packets leave by. The zero value is none.
type Adapter struct {
	Name  string
	Index int
	// Gateway is where the default route over it leads; invalid: there is none, as
	// on a line with one other end, or it is not known.
	Gateway netip.Addr
	// Address is the adapter's own, with its network.
	Address netip.Prefix
	// Remembered: the default route over it has been replaced, and Gateway is that
	// of before, or of a route that is left.
	Remembered bool
}

// network tells networks apart. It is empty for the zero Adapter.
func (a Adapter) network() string {
	if a.Name == "" {
		return ""
	}
	s := a.Name
	if a.Gateway.IsValid() {
		s += " via " + a.Gateway.String()
	}
	if a.Address.IsValid() {
		s += fmt.Sprintf(" in %s", a.Address.Masked())
	}
	return s
}
