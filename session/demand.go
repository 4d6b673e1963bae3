package session

import (
	"slices"
	"strings"

	"github.com/tidegate/tidegate/internal/wire"
)

// demand is what one prompt asks for several verdicts: all of must, and one of
// choice.
type demand struct{ must, choice []wire.Interaction }

// demandOf is what one verdict asks for.
func demandOf(v wire.Verdict) *demand {
	d := &demand{}
	if v.AnyOf {
		d.offer(v.Interactions)
	} else {
		d.require(v.Interactions)
	}
	return d
}

// require adds what a verdict needs whole.
func (d *demand) require(is []wire.Interaction) {
	for _, x := range is {
		i := slices.IndexFunc(d.must, func(y wire.Interaction) bool { return y.Kind == x.Kind })
		switch {
		case i < 0:
			d.must = append(d.must, x)
		case x.Kind == wire.InteractionMessage && !slices.Contains(strings.Split(d.must[i].Message, "\n\n"), x.Message):
			d.must[i].Message += "\n\n" + x.Message // one answer acknowledges both
		}
	}
	slices.SortStableFunc(d.must, func(a, b wire.Interaction) int { return strings.Compare(string(a.Kind), string(b.Kind)) })
}

// offer adds what a verdict needs one of, after all that is required. It
// returns false where that cannot be had with the same answer.
func (d *demand) offer(is []wire.Interaction) bool {
	switch {
	case slices.ContainsFunc(is, func(x wire.Interaction) bool { return asked(d.must, x.Kind) }):
		return true
	case d.choice == nil:
		d.choice = slices.Clone(is)
	default:
		both := slices.DeleteFunc(slices.Clone(d.choice), func(x wire.Interaction) bool { return !asked(is, x.Kind) })
		if len(both) == 0 {
			return false
		}
		d.choice = both
	}
	if len(d.choice) == 1 {
		d.require(d.choice)
		d.choice = nil
	}
	return true
}

// name tells demands apart.
func (d *demand) name() string {
	var kinds []string
	for _, x := range d.must {
		kinds = append(kinds, string(x.Kind))
	}
	for i, x := range d.choice {
		k := string(x.Kind)
		if i > 0 {
			k = "or-" + k
		}
		kinds = append(kinds, k)
	}
	return strings.Join(kinds, "+")
}

func asked(is []wire.Interaction, k wire.InteractionKind) bool {
	return slices.ContainsFunc(is, func(x wire.Interaction) bool { return x.Kind == k })
}
