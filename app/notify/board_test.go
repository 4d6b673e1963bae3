package notify

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// What is new is told with what stood below what it takes the place of; nothing that is
// not over vanishes, and nothing is told twice.
func TestBoard(t *testing.T) {
	for _, tt := range []struct {
		name  string
		shows map[uint32]string // keys, the first leads
		ns    string            // keys; with - what is over
		want  step
		left  map[uint32]string
	}{
		{"first", nil, "a b", step{news: told("a b")}, map[uint32]string{9: "a b"}},
		{"another", map[uint32]string{1: "a"}, "b", step{news: told("b")}, map[uint32]string{1: "a", 9: "b"}},
		{"again", map[uint32]string{1: "a"}, "a", step{news: told("a"), replaces: 1}, map[uint32]string{9: "a"}},
		{"over", map[uint32]string{1: "a"}, "-a", step{closes: []uint32{1}}, map[uint32]string{}},
		{"over that does not show", map[uint32]string{1: "a"}, "-b", step{}, map[uint32]string{1: "a"}},
		{"over that leads", map[uint32]string{1: "a b c"}, "-a", step{news: told("b c"), replaces: 1}, map[uint32]string{9: "b c"}},
		{"over that is mentioned", map[uint32]string{1: "a b c"}, "-b", step{}, map[uint32]string{1: "a c"}},
		{"over with all", map[uint32]string{1: "a b"}, "-a -b", step{closes: []uint32{1}}, map[uint32]string{}},
		{"again that leads", map[uint32]string{1: "a b"}, "a", step{news: told("a b"), replaces: 1}, map[uint32]string{9: "a b"}},
		{"again that is mentioned", map[uint32]string{1: "a b c"}, "b", step{news: told("b")}, map[uint32]string{1: "a c", 9: "b"}},
		{"over beside news", map[uint32]string{1: "a b"}, "-a c", step{news: told("c b"), replaces: 1}, map[uint32]string{9: "c b"}},
		{"over beside the same news", map[uint32]string{1: "a b"}, "-a b", step{news: told("b"), replaces: 1}, map[uint32]string{9: "b"}},
		{"two into one", map[uint32]string{1: "a", 2: "b c"}, "b a", step{news: told("b a c"), replaces: 2, closes: []uint32{1}}, map[uint32]string{9: "b a c"}},
		{"two over", map[uint32]string{1: "a b", 2: "c d"}, "-a -c", step{news: told("b d"), replaces: 1, closes: []uint32{2}}, map[uint32]string{9: "b d"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := board{}
			for id, keys := range tt.shows {
				b[id] = shown{news: told(keys)}
			}
			ns := told(tt.ns)
			got := b.plan(ns)
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(step{}), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("step (-want +got):\n%s", diff)
			}
			b.done(ns, got, 9, 5)
			left := map[uint32]string{}
			for id, on := range b {
				var keys []string
				for _, n := range on.news {
					keys = append(keys, n.Key)
				}
				left[id] = strings.Join(keys, " ")
			}
			if diff := cmp.Diff(tt.left, left); diff != "" {
				t.Errorf("left (-want +got):\n%s", diff)
			}
		})
	}
}

// told makes notices of keys, over where - is before one.
func told(keys string) (ns []Notice) {
	for key := range strings.FieldsSeq(keys) {
		key, over := strings.CutPrefix(key, "-")
		ns = append(ns, Notice{Key: key, Over: over})
	}
	return ns
}
