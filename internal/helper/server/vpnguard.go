//go:build linux

package server

import (
	"errors"
	"fmt"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// The VPN's guard is an nftables table of its own. What comes from the device, which
// any program of its user's may have written, goes to the VPN's own addresses or
// nowhere, and is not from addresses that stand for applications; nothing goes on from
// there to other networks but answers to what came from them.
const vpnGuard = "tidegate_vpn"

// guardVPN sets the guard to what the plan says, at once.
func (c Config) guardVPN(name string, p vpnPlan) error {
	n, err := nftables.New(nftables.WithSockOptions(roomy))
	if err != nil {
		return fmt.Errorf("set the VPN's guard: %w", err)
	}
	t := &nftables.Table{Family: nftables.TableFamilyINet, Name: vpnGuard}
	n.AddTable(t)
	n.DelTable(t)
	n.AddTable(t)
	from := device(expr.MetaKeyIIFNAME, name+"\x00")
	chain := func(name string, hook *nftables.ChainHook) func(...[]expr.Any) {
		ch := n.AddChain(&nftables.Chain{Name: name, Table: t, Type: nftables.ChainTypeFilter, Hooknum: hook, Priority: nftables.ChainPriorityFilter})
		return func(parts ...[]expr.Any) {
			n.AddRule(&nftables.Rule{Table: t, Chain: ch, Exprs: slices.Concat(append([][]expr.Any{from}, parts...)...)})
		}
	}
	input := chain("input", nftables.ChainHookInput)
	for _, ours := range slices.Concat(c.Prefixes, c.Devices) {
		input(network(ours, true), verdict(expr.VerdictDrop))
	}
	for _, own := range p.Addresses {
		input(network(own, false), verdict(expr.VerdictAccept))
	}
	input(verdict(expr.VerdictDrop))
	forward := chain("forward", nftables.ChainHookForward)
	forward(answers(), verdict(expr.VerdictAccept))
	forward(verdict(expr.VerdictDrop))
	if err := n.Flush(); err != nil {
		return fmt.Errorf("set the VPN's guard: %w", err)
	}
	return nil
}

// guardedVPN says whether it is there; unguardVPN removes it.
func guardedVPN() (bool, error) {
	c, err := nftables.New()
	if err != nil {
		return false, fmt.Errorf("look for the VPN's guard: %w", err)
	}
	all, err := c.ListTablesOfFamily(nftables.TableFamilyINet)
	if err != nil {
		return false, fmt.Errorf("look for the VPN's guard: %w", err)
	}
	return slices.ContainsFunc(all, func(t *nftables.Table) bool { return t.Name == vpnGuard }), nil
}

func unguardVPN() error {
	c, err := nftables.New()
	if err != nil {
		return fmt.Errorf("remove the VPN's guard: %w", err)
	}
	c.DelTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: vpnGuard})
	if err := c.Flush(); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("remove the VPN's guard: %w", err)
	}
	return nil
}
