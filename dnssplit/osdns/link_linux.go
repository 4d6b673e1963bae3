package osdns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/internal/dump"
)

// Links of our own. Those with our alias are ours.
const (
	linkPrefix = "tidegate-dns"
	linkAlias  = "Tidegate: has systemd-resolved ask it for its names"
)

// linkAddress has a link be one that systemd-resolved uses: it needs an address
// that is not of the link alone. This is IANA's IPv4 dummy address (RFC 7600),
// which nobody sends anything to.
var linkAddress = netip.MustParsePrefix("192.0.0.8/32")

// ownLink tells systemd-resolved by links of our own. They carry nothing, and are
// always up: what it was told of the client's device it would forget with it, and
// ask others for our names.
type ownLink struct{ o Options }

func (l *ownLink) Apply(ctx context.Context, w Want) (Told, error) {
	w, err := w.present()
	if err != nil {
		return Told{}, err
	}
	if w.Empty() {
		return Told{}, l.undo(ctx)
	}
	r, err := dialResolve1(ctx, l.o)
	if err != nil {
		return Told{}, err
	}
	defer r.close()
	ours, err := ourLinks()
	if err != nil {
		return Told{}, err
	}
	have, err := l.domains(ctx, r, ours)
	if err != nil {
		return Told{}, err
	}
	if err := r.yield(ctx, w); err != nil {
		return Told{}, err
	}
	shares := share(have, w.names(), most)
	if err := l.raise(len(shares), w); err != nil {
		return Told{}, err
	}
	if ours, err = ourLinks(); err != nil {
		return Told{}, err
	}
	changed := false
	for i, domains := range shares {
		c, err := r.setLink(ctx, ours[linkName(i)], onlyFor(w.Server, domains))
		if err != nil {
			return Told{}, err
		}
		changed = changed || c
	}
	for name, index := range ours {
		if !slices.Contains(linkNames(len(shares)), name) {
			changed = true
			if err := lower(ctx, r, name, index); err != nil {
				return Told{}, err
			}
		}
	}
	if changed {
		if err := r.manage(ctx, "FlushCaches"); err != nil {
			return Told{}, err
		}
	}
	if err := r.setVPN(ctx, w.vpn()); err != nil {
		return Told{}, err
	}
	return told(ctx, r, w, func(c claim) bool {
		for _, i := range ours {
			if c.Link == i {
				return true
			}
		}
		return false
	})
}

// domains are what our links have, in the order of their names.
func (l *ownLink) domains(ctx context.Context, r *resolve1, ours map[string]int) ([][]string, error) {
	all, err := r.claims(ctx)
	if err != nil {
		return nil, err
	}
	var have [][]string
	for i := 0; ours[linkName(i)] != 0; i++ {
		var domains []string
		for _, c := range all {
			if c.Delegate == "" && c.Link == ours[linkName(i)] {
				domains = c.Domains
			}
		}
		have = append(have, domains)
	}
	return have, nil
}

// undo takes our links away, and what systemd-resolved was told of them.
func (l *ownLink) undo(ctx context.Context) error {
	ours, err := l.left()
	if err != nil {
		return err
	}
	if len(ours) > 0 {
		r, err := dialResolve1(ctx, l.o)
		if err == nil {
			defer r.close()
		} else {
			r = nil // the links can go without it
		}
		var errs []error
		for name, index := range ours {
			errs = append(errs, lower(ctx, r, name, index))
		}
		if err := errors.Join(errs...); err != nil {
			return err
		}
	}
	if err := forgetVPNs(ctx, l.o); err != nil {
		return err
	}
	return dropJournal(l.o)
}

func linkName(i int) string { return fmt.Sprintf("%s%d", linkPrefix, i) }

func linkNames(n int) (names []string) {
	for i := range n {
		names = append(names, linkName(i))
	}
	return names
}

// ourLinks are the indexes of our links, by name.
func ourLinks() (map[string]int, error) {
	links, err := dump.Whole(netlink.LinkList)
	if err != nil {
		return nil, fmt.Errorf("list links: %w", err)
	}
	ours := map[string]int{}
	for _, l := range links {
		if a := l.Attrs(); a.Alias == linkAlias && strings.HasPrefix(a.Name, linkPrefix) {
			ours[a.Name] = a.Index
		}
	}
	return ours, nil
}

// raise makes what there is not yet of the first n links. They are written down
// first, so that one which a crash has left without its alias is known for ours.
func (l *ownLink) raise(n int, w Want) error {
	ours, err := l.left()
	if err != nil {
		return err
	}
	j := &journal{Mode: ModeLink, Place: place{Boot: bootID()}, Links: linkNames(n), Want: w.noted()}
	for _, name := range j.Links {
		if _, err := netlink.LinkByName(name); err == nil && ours[name] == 0 {
			return fmt.Errorf("make the link %s: there is one already, which is not ours: remove it, or rename it", name)
		}
	}
	for name := range ours { // until they are removed
		if !slices.Contains(j.Links, name) {
			j.Links = append(j.Links, name)
		}
	}
	slices.Sort(j.Links)
	if err := j.keep(l.o); err != nil {
		return err
	}
	for _, name := range linkNames(n) {
		if err := raiseLink(name); err != nil {
			return fmt.Errorf("make the link %s: %w", name, err)
		}
	}
	return nil
}

// left are the indexes of our links, by name, with those that only the journal of
// this boot knows for ours.
func (l *ownLink) left() (map[string]int, error) {
	ours, err := ourLinks()
	if err != nil {
		return nil, err
	}
	j, err := peekJournal(l.o)
	if err != nil || j == nil || j.Mode != ModeLink || j.Place.Boot != bootID() {
		return ours, nil // a damaged one knows none
	}
	for _, name := range j.Links {
		if link, err := netlink.LinkByName(name); err == nil && strings.HasPrefix(name, linkPrefix) {
			ours[name] = link.Attrs().Index
		}
	}
	return ours, nil
}

func raiseLink(name string) error {
	link, err := netlink.LinkByName(name)
	if errors.As(err, &netlink.LinkNotFoundError{}) {
		if err = makeLink(name); err == nil {
			link, err = netlink.LinkByName(name)
		}
	}
	if err != nil {
		return err
	}
	if link.Attrs().Alias != linkAlias {
		if err := netlink.LinkSetAlias(link, linkAlias); err != nil {
			return err
		}
	}
	// No neighbour is looked for. A kernel without IPv6 has none to begin with.
	netlink.LinkSetIP6AddrGenMode(link, nl.IN6_ADDR_GEN_MODE_NONE)
	if err := peerUp(link); err != nil {
		return err
	}
	addr := &netlink.Addr{IPNet: &net.IPNet{IP: linkAddress.Addr().AsSlice(), Mask: net.CIDRMask(linkAddress.Bits(), 32)}, Scope: unix.RT_SCOPE_UNIVERSE}
	if err := netlink.AddrAdd(link, addr); err != nil && !errors.Is(err, syscall.EEXIST) {
		return err
	}
	return netlink.LinkSetUp(link)
}

// makeLink makes a dummy link, or a pair where the kernel has none.
func makeLink(name string) error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	attrs.Alias = linkAlias
	err := netlink.LinkAdd(&netlink.Dummy{LinkAttrs: attrs})
	if errors.Is(err, syscall.EOPNOTSUPP) {
		err = netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: name + "p"})
	}
	return err
}

// peerUp has the other end of a pair be up, without which it has no carrier.
func peerUp(link netlink.Link) error {
	if _, ok := link.(*netlink.Veth); !ok {
		return nil
	}
	// IFLA_LINK. netlink.VethPeerIndex asks by an ioctl instead, with pointers of which
	// the garbage collector does not know.
	peer, err := netlink.LinkByIndex(link.Attrs().ParentIndex)
	if err != nil {
		return err
	}
	netlink.LinkSetIP6AddrGenMode(peer, nl.IN6_ADDR_GEN_MODE_NONE)
	return netlink.LinkSetUp(peer)
}

// lower removes a link. r may be nil.
func lower(ctx context.Context, r *resolve1, name string, index int) error {
	if r != nil {
		// It forgets with the link, too, but keeps a file of what it was told.
		r.manage(ctx, "RevertLink", int32(index))
	}
	link, err := netlink.LinkByIndex(index)
	if errors.As(err, &netlink.LinkNotFoundError{}) {
		return nil
	}
	if err == nil {
		err = netlink.LinkDel(link)
	}
	if err != nil {
		return fmt.Errorf("remove the link %s: %w", name, err)
	}
	return nil
}
