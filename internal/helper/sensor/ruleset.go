//go:build linux

package sensor

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	lists "github.com/tidegate/tidegate/internal/dump"
)

// table names a table of nftables.
type table struct {
	family byte // NFPROTO_
	name   string
}

// place names a chain, or a set.
type place struct {
	table
	name string
}

// base is a chain that the kernel enters with what goes out.
type base struct {
	place
	drops bool // what no rule decides
}

// ruleset is what of nftables decides on what goes out.
type ruleset struct {
	bases []base
	rules map[place][][]any // by chain: expressions of package expr, or strange
	// elements are a set's; false: it cannot be read.
	elements func(place) ([]element, bool)
}

// strange is an expression that is not known here.
type strange struct{ name string }

// element is one of a set or a map.
type element struct {
	key, end []byte // end: of an interval, that is in it
	ends     bool   // it is not in the set: an interval that began before ends here
	jump     *expr.Verdict
}

// load reads it, of this thread's network namespace. It takes CAP_NET_ADMIN.
func load() (r ruleset, err error) {
	for range 3 { // somebody may change it meanwhile
		if r, err = once(); err == nil || !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		return ruleset{}, fmt.Errorf("read the firewall's rules: %w", err)
	}
	return r, nil
}

func once() (ruleset, error) {
	r := ruleset{rules: map[place][][]any{}, elements: readSet}
	chains, err := dump(unix.NFT_MSG_GETCHAIN, unix.NFPROTO_UNSPEC)
	if err != nil {
		return r, err
	}
	for _, m := range chains {
		b, ok, err := decodeChain(m)
		if err != nil {
			return r, err
		}
		if ok {
			r.bases = append(r.bases, b)
		}
	}
	if len(r.bases) == 0 {
		return r, nil
	}
	tables, err := dump(unix.NFT_MSG_GETTABLE, unix.NFPROTO_UNSPEC)
	if err != nil {
		return r, err
	}
	for _, m := range tables {
		t, off, err := decodeTable(m)
		if err != nil {
			return r, err
		}
		if off {
			r.bases = slices.DeleteFunc(r.bases, func(b base) bool { return b.table == t })
		}
	}
	for _, family := range []byte{unix.NFPROTO_INET, unix.NFPROTO_IPV4, unix.NFPROTO_IPV6} {
		if !slices.ContainsFunc(r.bases, func(b base) bool { return b.family == family }) {
			continue
		}
		rules, err := dump(unix.NFT_MSG_GETRULE, family)
		if err != nil {
			return r, err
		}
		for _, m := range rules {
			at, rule, err := decodeRule(m)
			if err != nil {
				return r, err
			}
			r.rules[at] = append(r.rules[at], rule)
		}
	}
	return r, nil
}

// dump has the kernel list what it has.
func dump(message int, family byte, attributes ...*nl.RtAttr) ([][]byte, error) {
	req := nl.NewNetlinkRequest(unix.NFNL_SUBSYS_NFTABLES<<8|message, unix.NLM_F_DUMP)
	req.AddData(&nl.Nfgenmsg{NfgenFamily: family})
	for _, a := range attributes {
		req.AddData(a)
	}
	return req.Execute(unix.NETLINK_NETFILTER, 0)
}

func readSet(p place) (all []element, ok bool) {
	messages, err := lists.Whole(func() ([][]byte, error) {
		return dump(unix.NFT_MSG_GETSETELEM, p.family, listOf(p.table.name, p.name)...)
	})
	if err != nil {
		return nil, false
	}
	for _, m := range messages {
		of, err := decodeElements(m)
		if err != nil || len(all) > mostElements {
			return nil, false
		}
		all = append(all, of...)
	}
	return all, true
}

// listOf names a set.
func listOf(table, set string) []*nl.RtAttr {
	return []*nl.RtAttr{nl.NewRtAttr(unix.NFTA_SET_ELEM_LIST_TABLE, nl.ZeroTerminated(table)), nl.NewRtAttr(unix.NFTA_SET_ELEM_LIST_SET, nl.ZeroTerminated(set))}
}

// mostElements is how many a set may have that is looked into.
const mostElements = 1 << 16

var errMalformed = errors.New("the kernel's answer is malformed")

// parts are the attributes of a message behind its netlink header.
func parts(m []byte) (family byte, all []attribute, err error) {
	if len(m) < nl.SizeofNfgenmsg {
		return 0, nil, errMalformed
	}
	all, err = attributes(m[nl.SizeofNfgenmsg:])
	return m[0], all, err
}

// attribute is one of netlink's.
type attribute struct {
	kind uint16
	data []byte
}

func attributes(b []byte) (all []attribute, err error) {
	for len(b) >= unix.SizeofNlAttr {
		n := int(binary.NativeEndian.Uint16(b))
		if n < unix.SizeofNlAttr || n > len(b) {
			return nil, errMalformed
		}
		all = append(all, attribute{binary.NativeEndian.Uint16(b[2:]) &^ uint16(unix.NLA_F_NESTED|unix.NLA_F_NET_BYTEORDER), b[unix.SizeofNlAttr:n]})
		b = b[min(len(b), (n+3)&^3):]
	}
	return all, nil
}

// pick is the data of the first attribute of a kind; nil: there is none.
func pick(all []attribute, kind uint16) []byte {
	for _, a := range all {
		if a.kind == kind {
			return a.data
		}
	}
	return nil
}

// text reads an attribute that ends with a zero.
func text(b []byte) string { return nl.BytesToString(append(slices.Clone(b), 0)) }

// number reads one of nftables', which are big-endian.
func number(b []byte) (uint32, bool) {
	if len(b) != 4 {
		return 0, false
	}
	return binary.BigEndian.Uint32(b), true
}

// decodeTable reads an NFT_MSG_NEWTABLE: off says that it is dormant.
func decodeTable(m []byte) (t table, off bool, err error) {
	family, all, err := parts(m)
	if err != nil {
		return table{}, false, err
	}
	flags, _ := number(pick(all, unix.NFTA_TABLE_FLAGS))
	return table{family, text(pick(all, unix.NFTA_TABLE_NAME))}, flags&unix.NFT_TABLE_F_DORMANT != 0, nil
}

// decodeChain reads an NFT_MSG_NEWCHAIN; ok says that it filters what goes out.
func decodeChain(m []byte) (b base, ok bool, err error) {
	family, all, err := parts(m)
	if err != nil {
		return base{}, false, err
	}
	nested := pick(all, unix.NFTA_CHAIN_HOOK)
	if nested == nil || family != unix.NFPROTO_INET && family != unix.NFPROTO_IPV4 && family != unix.NFPROTO_IPV6 {
		return base{}, false, nil
	}
	hook, err := attributes(nested)
	if err != nil {
		return base{}, false, err
	}
	n, known := number(pick(hook, unix.NFTA_HOOK_HOOKNUM))
	if !known {
		return base{}, false, errMalformed
	}
	kind := text(pick(all, unix.NFTA_CHAIN_TYPE))
	if n != unix.NF_INET_LOCAL_OUT || kind == "nat" {
		return base{}, false, nil
	}
	policy, known := number(pick(all, unix.NFTA_CHAIN_POLICY))
	return base{place{table{family, text(pick(all, unix.NFTA_CHAIN_TABLE))}, text(pick(all, unix.NFTA_CHAIN_NAME))}, known && policy == nfDrop}, true, nil
}

const nfDrop = 0 // NF_DROP

// decodeRule reads an NFT_MSG_NEWRULE.
func decodeRule(m []byte) (at place, rule []any, err error) {
	family, all, err := parts(m)
	if err != nil {
		return place{}, nil, err
	}
	at = place{table{family, text(pick(all, unix.NFTA_RULE_TABLE))}, text(pick(all, unix.NFTA_RULE_CHAIN))}
	list, err := attributes(pick(all, unix.NFTA_RULE_EXPRESSIONS))
	if err != nil {
		return place{}, nil, err
	}
	for _, item := range list {
		e, err := attributes(item.data)
		if err != nil {
			return place{}, nil, err
		}
		rule = append(rule, expression(family, text(pick(e, unix.NFTA_EXPR_NAME)), pick(e, unix.NFTA_EXPR_DATA)))
	}
	return at, rule, nil
}

// expression reads one; what cannot be read is strange.
func expression(family byte, name string, data []byte) any {
	var e expr.Any
	switch name {
	case "meta":
		e = &expr.Meta{}
	case "cmp":
		e = &expr.Cmp{}
	case "payload":
		e = &expr.Payload{}
	case "bitwise":
		e = &expr.Bitwise{}
	case "byteorder":
		return byteorder(data)
	case "lookup":
		e = &expr.Lookup{}
	case "range":
		e = &expr.Range{}
	case "ct":
		e = &expr.Ct{}
	case "fib":
		e = &expr.Fib{}
	case "limit":
		e = &expr.Limit{}
	case "match":
		return foreign(data)
	case "target":
		return targetOf(data)
	case "immediate":
		return immediate(data)
	default:
		return strange{name}
	}
	if len(data) == 0 || expr.Unmarshal(family, data, e) != nil {
		return strange{name}
	}
	return e
}

// immediate is a verdict, or data.
func immediate(data []byte) any {
	all, err := attributes(data)
	if err != nil {
		return strange{"immediate"}
	}
	register, ok := number(pick(all, unix.NFTA_IMMEDIATE_DREG))
	value, err := attributes(pick(all, unix.NFTA_IMMEDIATE_DATA))
	if !ok || err != nil {
		return strange{"immediate"}
	}
	if register != unix.NFT_REG_VERDICT {
		return &expr.Immediate{Register: register, Data: pick(value, unix.NFTA_DATA_VALUE)}
	}
	if v := verdictOf(pick(value, unix.NFTA_DATA_VERDICT)); v != nil {
		return v
	}
	return strange{"immediate"}
}

// verdictOf reads one; nil: it is none.
func verdictOf(data []byte) *expr.Verdict {
	all, err := attributes(data)
	code, ok := number(pick(all, unix.NFTA_VERDICT_CODE))
	if err != nil || !ok {
		return nil
	}
	return &expr.Verdict{Kind: expr.VerdictKind(int32(code)), Chain: text(pick(all, unix.NFTA_VERDICT_CHAIN))}
}

// byteorder is expr.Byteorder, which that package does not read.
func byteorder(data []byte) any {
	all, err := attributes(data)
	if err != nil {
		return strange{"byteorder"}
	}
	e := &expr.Byteorder{}
	var ok [4]bool
	e.SourceRegister, ok[0] = number(pick(all, unix.NFTA_BYTEORDER_SREG))
	e.DestRegister, ok[1] = number(pick(all, unix.NFTA_BYTEORDER_DREG))
	e.Len, ok[2] = number(pick(all, unix.NFTA_BYTEORDER_LEN))
	e.Size, ok[3] = number(pick(all, unix.NFTA_BYTEORDER_SIZE))
	if slices.Contains(ok[:], false) {
		return strange{"byteorder"}
	}
	return e
}

// match is an extension of iptables'.
type match struct {
	name string
	info []byte
}

func foreign(data []byte) any {
	all, err := attributes(data)
	if err != nil {
		return strange{"match"}
	}
	return match{text(pick(all, unix.NFTA_MATCH_NAME)), pick(all, unix.NFTA_MATCH_INFO)}
}

// target is a verdict of iptables' that nftables does not have.
type target struct{ name string }

func targetOf(data []byte) any {
	all, err := attributes(data)
	if err != nil {
		return strange{"target"}
	}
	return target{text(pick(all, unix.NFTA_TARGET_NAME))}
}

// decodeElements reads an NFT_MSG_NEWSETELEM.
func decodeElements(m []byte) (all []element, err error) {
	_, outer, err := parts(m)
	if err != nil {
		return nil, err
	}
	list, err := attributes(pick(outer, unix.NFTA_SET_ELEM_LIST_ELEMENTS))
	if err != nil {
		return nil, err
	}
	for _, item := range list {
		of, err := attributes(item.data)
		if err != nil {
			return nil, err
		}
		var e element
		flags, _ := number(pick(of, unix.NFTA_SET_ELEM_FLAGS))
		e.ends = flags&unix.NFT_SET_ELEM_INTERVAL_END != 0
		for kind, to := range map[uint16]*[]byte{unix.NFTA_SET_ELEM_KEY: &e.key, keyEnd: &e.end} {
			value, err := attributes(pick(of, kind))
			if err != nil {
				return nil, err
			}
			*to = pick(value, unix.NFTA_DATA_VALUE)
		}
		value, err := attributes(pick(of, unix.NFTA_SET_ELEM_DATA))
		if err != nil {
			return nil, err
		}
		if v := pick(value, unix.NFTA_DATA_VERDICT); v != nil {
			e.jump = verdictOf(v)
		}
		all = append(all, e)
	}
	return all, nil
}

const keyEnd = 10 // NFTA_SET_ELEM_KEY_END
