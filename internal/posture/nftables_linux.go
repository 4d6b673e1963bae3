package posture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// chain is a base chain of nftables: one that the kernel itself enters.
type chain struct {
	family  uint8 // NFPROTO_
	table   string
	kind    string // filter, nat or route
	hook    uint32 // NF_INET_
	drops   bool   // what no rule decides
	rules   uint32 // how many it has
	dormant bool   // its table is switched off
}

// filters says whether the chain may keep out what comes in or passes through.
func (c chain) filters() bool {
	ip := c.family == unix.NFPROTO_INET || c.family == unix.NFPROTO_IPV4 || c.family == unix.NFPROTO_IPV6
	in := c.hook == unix.NF_INET_LOCAL_IN || c.hook == unix.NF_INET_FORWARD
	return ip && in && c.kind == "filter" && !c.dormant && (c.drops || c.rules > 0)
}

// table names a table of nftables.
type table struct {
	family uint8
	name   string
}

// ruleset lists the base chains of this network namespace. It takes
// CAP_NET_ADMIN; without, it is an error.
func ruleset() ([]chain, error) {
	messages, err := dumpNFT(unix.NFT_MSG_GETTABLE)
	if err != nil {
		return nil, fmt.Errorf("list the firewall's tables: %w", err)
	}
	var dormant []table
	for _, m := range messages {
		if t, off, err := parseTable(m); err != nil {
			return nil, err
		} else if off {
			dormant = append(dormant, t)
		}
	}
	if messages, err = dumpNFT(unix.NFT_MSG_GETCHAIN); err != nil {
		return nil, fmt.Errorf("list the firewall's chains: %w", err)
	}
	var chains []chain
	for _, m := range messages {
		c, based, err := parseChain(m)
		if err != nil {
			return nil, err
		}
		if based {
			c.dormant = slices.Contains(dormant, table{c.family, c.table})
			chains = append(chains, c)
		}
	}
	return chains, nil
}

func dumpNFT(message int) ([][]byte, error) {
	req := nl.NewNetlinkRequest(unix.NFNL_SUBSYS_NFTABLES<<8|message, unix.NLM_F_DUMP)
	req.AddData(&nl.Nfgenmsg{NfgenFamily: unix.AF_UNSPEC})
	return req.Execute(unix.NETLINK_NETFILTER, 0)
}

// parseTable reads an NFT_MSG_NEWTABLE.
func parseTable(m []byte) (t table, dormant bool, err error) {
	family, attributes, err := parseNFT(m)
	if err != nil {
		return table{}, false, err
	}
	flags, _ := number(attributes[unix.NFTA_TABLE_FLAGS])
	return table{family, text(attributes[unix.NFTA_TABLE_NAME])}, flags&unix.NFT_TABLE_F_DORMANT != 0, nil
}

// parseChain reads an NFT_MSG_NEWCHAIN. The kernel counts in a base chain's
// use, which nothing can jump to, its rules.
func parseChain(m []byte) (c chain, based bool, err error) {
	family, attributes, err := parseNFT(m)
	if err != nil {
		return chain{}, false, err
	}
	nested, based := attributes[unix.NFTA_CHAIN_HOOK]
	if !based {
		return chain{}, false, nil
	}
	hook, err := parseAttributes(nested)
	if err != nil {
		return chain{}, false, err
	}
	c = chain{family: family, table: text(attributes[unix.NFTA_CHAIN_TABLE]), kind: text(attributes[unix.NFTA_CHAIN_TYPE])}
	var known bool
	if c.hook, known = number(hook[unix.NFTA_HOOK_HOOKNUM]); !known {
		return chain{}, false, errMalformed
	}
	policy, _ := number(attributes[unix.NFTA_CHAIN_POLICY])
	c.drops = len(attributes[unix.NFTA_CHAIN_POLICY]) == 4 && policy == nfDrop
	c.rules, _ = number(attributes[unix.NFTA_CHAIN_USE])
	return c, true, nil
}

const nfDrop = 0 // NF_DROP

var errMalformed = errors.New("read the firewall's rules: the kernel's answer is malformed")

// parseNFT parts a message behind its netlink header.
func parseNFT(m []byte) (family uint8, attributes map[uint16][]byte, err error) {
	if len(m) < nl.SizeofNfgenmsg {
		return 0, nil, errMalformed
	}
	attributes, err = parseAttributes(m[nl.SizeofNfgenmsg:])
	return m[0], attributes, err
}

// parseAttributes reads netlink attributes.
func parseAttributes(b []byte) (map[uint16][]byte, error) {
	all := map[uint16][]byte{}
	for len(b) >= unix.SizeofNlAttr {
		n := int(binary.NativeEndian.Uint16(b))
		if n < unix.SizeofNlAttr || n > len(b) {
			return nil, errMalformed
		}
		all[binary.NativeEndian.Uint16(b[2:])&^uint16(unix.NLA_F_NESTED|unix.NLA_F_NET_BYTEORDER)] = b[unix.SizeofNlAttr:n]
		b = b[min(len(b), (n+3)&^3):]
	}
	return all, nil
}

// number reads an attribute of nftables, which are big-endian.
func number(b []byte) (uint32, bool) {
	if len(b) != 4 {
		return 0, false
	}
	return binary.BigEndian.Uint32(b), true
}

// text reads an attribute that ends with a zero.
func text(b []byte) string { return nl.BytesToString(append(slices.Clone(b), 0)) }
