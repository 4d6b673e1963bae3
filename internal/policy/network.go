package policy

import (
	"net/netip"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// network is whether an address claim lies in a network.
type network struct {
	of     *variable
	prefix netip.Prefix
	uses   *uses
}

func (n network) eval(v view, _ int64) (truth, int64) {
	s, ok := v.claims.text(n.of)
	if !ok {
		return unknown, forever
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return unknown, forever
	}
	return truthOf(contains(n.prefix, a)), forever
}

// contains ignores the zone, and that an IPv4 address is written in IPv6.
func contains(p netip.Prefix, a netip.Addr) bool { return p.Contains(a.Unmap().WithZone("")) }

// inNetwork binds the function for cel-go, which calls it in macros and on
// computed text. What is no address is an error, which is unknown.
func inNetwork(address, cidr ref.Val) ref.Val {
	a, ok := address.(types.String)
	c, also := cidr.(types.String)
	if !ok || !also {
		return types.MaybeNoSuchOverloadErr(address)
	}
	addr, err := netip.ParseAddr(string(a))
	if err != nil {
		return types.NewErr("%q is no address", string(a))
	}
	prefix, err := netip.ParsePrefix(string(c))
	if err != nil {
		return types.NewErr("%q is no network", string(c))
	}
	return types.Bool(contains(prefix, addr))
}

// network lowers inNetwork(address, cidr).
func (l *lowering) network(e ast.Expr, args []ast.Expr) (node, error) {
	prefix, err := l.prefix(args[1])
	if err != nil {
		return nil, err
	}
	if v := l.variable(args[0]); v != nil {
		return network{of: v, prefix: prefix, uses: l.term(e)}, nil
	}
	return l.leaf(e)
}

// networks checks each network in e, also within macros.
func (l *lowering) networks(e ast.Expr) (err error) {
	ast.PreOrderVisit(e, ast.NewExprVisitor(func(e ast.Expr) {
		if err == nil && e.Kind() == ast.CallKind && e.AsCall().FunctionName() == "inNetwork" {
			_, err = l.prefix(e.AsCall().Args()[1])
		}
	}))
	return err
}

// prefix is the network that e must be.
func (l *lowering) prefix(e ast.Expr) (netip.Prefix, error) {
	s, err := l.text(e, "the network")
	if err != nil {
		return netip.Prefix{}, err
	}
	p, err := netip.ParsePrefix(s)
	switch {
	case err != nil:
		return p, l.refuse(e, `%q is not a network; write for example "10.0.0.0/8", "2001:db8::/32", or "192.0.2.1/32" for one address`, s)
	case p.Addr().Is4In6():
		return p, l.refuse(e, "an IPv4 network is written as one; write for example %q", "10.0.0.0/8")
	case p != p.Masked():
		return p, l.refuse(e, "%q has bits behind its prefix; write %q", s, p.Masked())
	}
	return p, nil
}
