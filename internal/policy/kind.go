package policy

import "github.com/tidegate/tidegate/internal/wire"

// interactionKinds are all, in the order in which a cure is preferred: the
// least trouble first.
var interactionKinds = [...]wire.InteractionKind{
	wire.InteractionMessage, wire.InteractionReason, wire.InteractionMFA, wire.InteractionPassword,
}

// KindSet is a set of interactions, in one byte.
type KindSet uint8 // bit i for interactionKinds[i]

// bySize are all sets but the empty one, the smallest first.
var bySize = [...]KindSet{1, 2, 4, 8, 3, 5, 6, 9, 10, 12, 7, 11, 13, 14, 15}

func setOf(k wire.InteractionKind) KindSet {
	for i, known := range interactionKinds {
		if k == known {
			return 1 << i
		}
	}
	return 0
}

// Kinds are those in the set, the least trouble first.
func (s KindSet) Kinds() []wire.InteractionKind {
	var out []wire.InteractionKind
	for i, k := range interactionKinds {
		if s&(1<<i) != 0 {
			out = append(out, k)
		}
	}
	return out
}
