package policy

import "github.com/tidegate/tidegate/internal/wire"

// interactionKinds are all, in the order in which a cure is preferred: the
// least trouble first.
var interactionKinds = [...]wire.InteractionKind{
	wire.InteractionMessage, wire.InteractionReason, wire.InteractionMFA, wire.InteractionPassword,
}

// kindSet is a set of interactions, bit i for interactionKinds[i].
type kindSet uint8

func setOf(k wire.InteractionKind) kindSet {
	for i, known := range interactionKinds {
		if k == known {
			return 1 << i
		}
	}
	return 0
}

func (s kindSet) kinds() []wire.InteractionKind {
	var out []wire.InteractionKind
	for i, k := range interactionKinds {
		if s&(1<<i) != 0 {
			out = append(out, k)
		}
	}
	return out
}
