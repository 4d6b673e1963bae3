package osdns

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
)

// told reads who else wants to be asked for our names.
func told(ctx context.Context, r *resolve1, w Want, ours func(claim) bool) (Told, error) {
	if w.none() {
		return Told{}, nil
	}
	all, err := r.claims(ctx)
	if err != nil {
		return Told{}, fmt.Errorf("who else is asked: %w", err)
	}
	var t Told
	for _, c := range all {
		if ours(c) {
			continue
		}
		rivals := compete(w.Domains, c.Domains)
		if len(rivals) == 0 {
			continue
		}
		var link, who string
		switch {
		case c.Delegate != "":
			who = c.Delegate + delegateEnd
		case c.Link != 0:
			link, who = linkOf(c.Link)
		default:
			who = "resolved.conf"
		}
		for _, rival := range rivals {
			rival.Link, rival.Program = link, who
			t.Competitors = append(t.Competitors, rival)
		}
	}
	return t, nil
}

// linkOf is a link's name, and the program that runs it.
func linkOf(index int) (name, program string) {
	link, err := netlink.LinkByIndex(index)
	if err != nil {
		return "", "" // it has just gone
	}
	return link.Attrs().Name, programOf(link.Attrs().Name, link.Type())
}

// compete compares our domains with another's, which may have "." for all names.
// Where we have a longer suffix we are asked; where they have the same, both are.
func compete(ours, theirs []string) (rivals []Competitor) {
	for _, t := range theirs {
		t = strings.ToLower(strings.TrimSuffix(t, "."))
		var meets, wins bool
		for _, o := range ours {
			switch {
			case t == o || strings.HasSuffix(t, "."+o):
				meets, wins = true, true
			case t == "" || strings.HasSuffix(o, "."+t):
				meets = true
			}
		}
		if meets {
			rivals = append(rivals, Competitor{Domain: cmp.Or(t, "."), Wins: wins})
		}
	}
	slices.SortFunc(rivals, func(a, b Competitor) int { return strings.Compare(a.Domain, b.Domain) })
	return slices.Compact(rivals)
}
