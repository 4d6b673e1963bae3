package classicvpn

import (
	"context"
	"errors"
	"net/netip"

	"github.com/tidegate/tidegate/internal/classicvpn/openconnect"
	"github.com/tidegate/tidegate/internal/helper/protocol"
	"github.com/tidegate/tidegate/session"
	"github.com/tidegate/tidegate/tunnel/netwatch"
)

// Sensor looks for VPNs of others, and for what is in their way and ours.
// Implemented by package sense. Guard and Own may be called at any time, and do not
// block.
type Sensor interface {
	// Run tells, whole, whenever something has changed, until ctx ends.
	Run(ctx context.Context, report func([]session.VPNOther, []session.VPNConflict)) error
	// Guard says what is ZTA's.
	Guard(session.VPNGuard)
	// Own says that a device is that of a connection of the user's; of none: that it
	// is gone.
	Own(device, connection string)
}

// engine is an openconnect.
type engine interface {
	Speaks(session.VPNProtocol) error
	SignIn(context.Context, session.VPNSettings, openconnect.Ask) (openconnect.Session, error)
	Start(context.Context, openconnect.Session, openconnect.Tunnel) (running, error)
}

// running is an openconnect with a tunnel.
type running interface {
	Reconnect() error
	Stop(context.Context) error
	Wait() error
	Done() <-chan struct{}
	Transport() string
}

// lease is the helper's of a VPN.
type lease interface {
	Device() string
	Told() <-chan protocol.VPNTold
	Lost() <-chan struct{}
	Apply(context.Context, *protocol.VPN) (protocol.VPNTold, error)
	Close() error
}

// errNoHelper: no helper is there.
var errNoHelper = errors.New("there is no helper")

// adapter is a network device as the kernel has it.
type adapter struct {
	index    int
	up, down int64 // bytes
}

// outside is what a VPN has of the system; tests have another.
type outside struct {
	// find finds openconnect, and its version. Its error is openconnect.ErrAbsent, or
	// one that says what else is wrong.
	find func() (e engine, version string, err error)
	// helper says whether there is one.
	helper func(context.Context) bool
	// open asks the helper for a lease. Its error is errNoHelper, a
	// *protocol.Refusal, or another.
	open func(context.Context) (lease, error)
	// listen hears the environment of what openconnect runs, until stop, and has do
	// carry it out; env leads there.
	listen func(do func(context.Context, []string) error) (env []string, stop func(), err error)
	// device reads a device.
	device func(name string) (adapter, error)
	// way is how packets to an address leave this machine; empty: they do not.
	way func(netip.Addr) string
	// watch tells of changes of the network until ctx ends.
	watch func(context.Context, func(netwatch.Change)) error
}
