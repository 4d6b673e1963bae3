//go:build linux

package client

import (
	"context"
	"errors"
	"net"

	"github.com/tidegate/tidegate/internal/helper/protocol"
	"github.com/tidegate/tidegate/internal/helper/sockets"
)

// VPN is the right to a classic VPN on this machine, for one user: a device that
// this user's programs may attach to (TUNSETIFF, IFF_TUN|IFF_NO_PI), and what
// Apply makes of it.
type VPN struct {
	h      Helper
	device string
	lease  *net.UnixConn
	told   chan protocol.VPNTold
	lost   chan struct{}
}

// OpenVPN makes the device. A refusal is a *protocol.Refusal: Busy while there is
// a VPN on this machine, another user's or this one's own; Outside where the
// administrator lets nobody have one. The device that a helper of before left is
// taken over with all that was applied, if this comes within 10 seconds of that one's
// end.
func (h Helper) OpenVPN(ctx context.Context) (*VPN, error) {
	reply, fds, c, err := h.call(ctx, protocol.Request{Verb: protocol.OpenVPN})
	if err != nil {
		return nil, err
	}
	sockets.CloseAll(fds)
	if reply.Device == nil || reply.Device.Name == "" {
		c.Close()
		return nil, errors.New("the helper's answer has no device")
	}
	v := &VPN{h: h, device: reply.Device.Name, lease: c, told: make(chan protocol.VPNTold, 1), lost: make(chan struct{})}
	go v.watch()
	return v, nil
}

// watch hears from the helper until the lease has ended.
func (v *VPN) watch() {
	defer close(v.lost)
	for {
		b, err := protocol.Read(v.lease)
		if err != nil {
			return
		}
		reply, err := protocol.DecodeReply(b)
		if err != nil || reply.VPN == nil {
			continue
		}
		select { // what nobody has taken is old
		case <-v.told:
		default:
		}
		v.told <- *reply.VPN
	}
}

// Device is the name of its network device.
func (v *VPN) Device() string { return v.device }

// Told has what the helper tells unasked, the latest alone: what Apply would tell by
// now, as when another program has taken a route away.
func (v *VPN) Told() <-chan protocol.VPNTold { return v.told }

// Lost is closed when the helper no longer knows of us, and after Close. All goes on
// as it is for 10 seconds: within that Close this, open another as soon as the helper
// is there again, which has the device as it was, and Apply.
func (v *VPN) Lost() <-chan struct{} { return v.lost }

// Apply has the device, its routes and its names be what vpn says; nil undoes that,
// and leaves the device. See protocol.ApplyVPN. A refusal is a *protocol.Refusal, after
// which all is as it was: Conflict where an address of its is led to users' devices, or
// is of a network that the machine is in; NoVPN where there is no lease, or no device
// any more.
func (v *VPN) Apply(ctx context.Context, vpn *protocol.VPN) (protocol.VPNTold, error) {
	r := protocol.Request{Verb: protocol.ApplyVPN, VPN: vpn}
	if _, err := protocol.Encode(r); err != nil {
		return protocol.VPNTold{}, protocol.Refuse(protocol.Full, "the VPN has more routes and domains than can be set up here")
	}
	reply, err := v.h.plain(ctx, r)
	if err != nil {
		return protocol.VPNTold{}, err
	}
	if reply.VPN == nil {
		return protocol.VPNTold{}, errors.New("the helper's answer says nothing of the VPN")
	}
	return *reply.VPN, nil
}

// Close ends it: the helper removes the device, and all that Apply has done.
func (v *VPN) Close() error {
	err := v.lease.Close()
	<-v.lost
	return err
}
