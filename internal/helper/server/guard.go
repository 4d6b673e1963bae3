//go:build linux

package server

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/internal/helper/protocol"
)

// The guard is an nftables table of the user's own:
//
//   - packets to the routes leave by a device of ours or not at all, wherever
//     they come from and whatever network the machine is in;
//   - the user's packets to the networks do so, and nobody else's;
//   - the device is used by its user's processes, and by what the kernel sends
//     for them; others, who find the same addresses by name, are told so,
//     where the kernel can (CONFIG_NFT_REJECT_INET);
//   - from the device comes what the routes' addresses send, and from the
//     networks' what answers something that went there, to the device's own
//     address: a user is not to speak to this machine's services as a host of
//     the organisation's. Nothing is forwarded.

func tableOf(uid uint32) *nftables.Table {
	return &nftables.Table{Family: nftables.TableFamilyINet, Name: "tidegate_" + strconv.FormatUint(uint64(uid), 10)}
}

// guard sets a user's guard to what r says, at once.
func (c Config) guard(r record) error {
	err := c.lay(r, refused())
	if errors.Is(err, unix.ENOENT) {
		err = c.lay(r, verdict(expr.VerdictDrop))
	}
	return err
}

// lay is guard with what becomes of others' packets to the device.
func (c Config) lay(r record, others []expr.Any) error {
	n, err := nftables.New(nftables.WithSockOptions(roomy))
	if err != nil {
		return fmt.Errorf("set the guard: %w", err)
	}
	t := tableOf(r.UID)
	n.AddTable(t)
	n.DelTable(t)
	n.AddTable(t)
	chain := func(name string, hook *nftables.ChainHook) func(...[]expr.Any) {
		ch := n.AddChain(&nftables.Chain{Name: name, Table: t, Type: nftables.ChainTypeFilter, Hooknum: hook, Priority: nftables.ChainPriorityFilter})
		return func(parts ...[]expr.Any) {
			rule := &nftables.Rule{Table: t, Chain: ch}
			for _, p := range parts {
				rule.Exprs = append(rule.Exprs, p...)
			}
			n.AddRule(rule)
		}
	}
	own, ours := r.name()+"\x00", devices
	output := chain("output", nftables.ChainHookOutput)
	output(device(expr.MetaKeyOIFNAME, own), socketOf(expr.CmpOpNeq, r.UID), others)
	output(device(expr.MetaKeyOIFNAME, ours), no(device(expr.MetaKeyOIFNAME, protocol.VPNPrefix)), verdict(expr.VerdictAccept))
	output(device(expr.MetaKeyOIFNAME, "lo\x00"), verdict(expr.VerdictAccept))
	forward := chain("forward", nftables.ChainHookForward)
	forward(device(expr.MetaKeyOIFNAME, own), verdict(expr.VerdictDrop))
	forward(device(expr.MetaKeyIIFNAME, own), verdict(expr.VerdictDrop))
	input := chain("input", nftables.ChainHookInput)
	for _, p := range r.Routes {
		output(network(p, false), verdict(expr.VerdictDrop))
		forward(network(p, false), verdict(expr.VerdictDrop))
	}
	for _, p := range r.Networks {
		output(socketOf(expr.CmpOpEq, r.UID), network(p, false), verdict(expr.VerdictDrop))
	}
	for _, p := range r.Routes {
		input(device(expr.MetaKeyIIFNAME, own), network(p, true), verdict(expr.VerdictAccept))
	}
	for _, p := range r.Networks {
		to := c.address(0, r.Slot)
		if p.Addr().Is6() {
			to = c.address(1, r.Slot)
		}
		input(device(expr.MetaKeyIIFNAME, own), network(p, true), network(netip.PrefixFrom(to, to.BitLen()), false), answers(), verdict(expr.VerdictAccept))
	}
	input(device(expr.MetaKeyIIFNAME, own), verdict(expr.VerdictDrop))
	if err := n.Flush(); err != nil {
		return fmt.Errorf("set the guard: %w", err)
	}
	return nil
}

// room is for a guard with all networks that there may be, which goes to the
// kernel in one message, and for its answers, one for each rule: what finds no
// room is an error, of what may have been done.
const room = 4 << 20

func roomy[C interface {
	SetReadBuffer(bytes int) error
	SetWriteBuffer(bytes int) error
}](c C) error {
	return errors.Join(c.SetReadBuffer(room), c.SetWriteBuffer(room))
}

// guarded says whether a user's guard is there: what reloads the machine's
// firewall takes it away with the rest.
func guarded(uid uint32) (bool, error) {
	c, err := nftables.New()
	if err != nil {
		return false, fmt.Errorf("look for the guard: %w", err)
	}
	all, err := c.ListTablesOfFamily(nftables.TableFamilyINet)
	if err != nil {
		return false, fmt.Errorf("look for the guard: %w", err)
	}
	return slices.ContainsFunc(all, func(t *nftables.Table) bool { return t.Name == tableOf(uid).Name }), nil
}

// unguard removes a user's guard, if there is one.
func unguard(uid uint32) error {
	c, err := nftables.New()
	if err != nil {
		return fmt.Errorf("remove the guard: %w", err)
	}
	c.DelTable(tableOf(uid))
	if err := c.Flush(); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("remove the guard: %w", err)
	}
	return nil
}

// device matches a device's name; one without a final NUL is the beginning.
func device(which expr.MetaKey, name string) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: which, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte(name)},
	}
}

// no matches what a match of one comparison does not.
func no(match []expr.Any) []expr.Any {
	match[len(match)-1].(*expr.Cmp).Op = expr.CmpOpNeq
	return match
}

// socketOf matches packets of a socket that is, or is not, a user's. What the
// kernel sends without one does not match.
func socketOf(op expr.CmpOp, uid uint32) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeySKUID, Register: 1},
		&expr.Cmp{Op: op, Register: 1, Data: binaryutil.NativeEndian.PutUint32(uid)},
	}
}

// network matches a destination, or a source, within p.
func network(p netip.Prefix, source bool) []expr.Any {
	family, size, offset := byte(unix.NFPROTO_IPV4), uint32(4), uint32(16)
	if p.Addr().Is6() {
		family, size, offset = unix.NFPROTO_IPV6, 16, 24
	}
	if source {
		offset -= size
	}
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{family}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: size},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: size, Mask: net.CIDRMask(p.Bits(), int(size)*8), Xor: make([]byte, size)},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: p.Addr().AsSlice()},
	}
}

// answers matches what belongs to a flow that began the other way.
func answers() []expr.Any {
	const states = expr.CtStateBitESTABLISHED | expr.CtStateBitRELATED
	return []expr.Any{
		&expr.Ct{Key: expr.CtKeySTATE, Register: 1},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: binaryutil.NativeEndian.PutUint32(states), Xor: make([]byte, 4)},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: make([]byte, 4)},
	}
}

func verdict(kind expr.VerdictKind) []expr.Any { return []expr.Any{&expr.Verdict{Kind: kind}} }

// refused has whoever sent a packet told that it is prohibited.
func refused() []expr.Any {
	return []expr.Any{&expr.Reject{Type: unix.NFT_REJECT_ICMPX_UNREACH, Code: unix.NFT_REJECT_ICMPX_ADMIN_PROHIBITED}}
}
