package osdns

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestShare(t *testing.T) {
	for _, tt := range []struct {
		name    string
		have    [][]string
		domains []string
		want    [][]string
	}{
		{"none", nil, nil, nil},
		{"the first", nil, []string{"b", "a"}, [][]string{{"a", "b"}}},
		{"more than one takes", nil, []string{"d", "c", "b", "a"}, [][]string{{"a", "b", "c"}, {"d"}}},
		{"each stays where it is", [][]string{{"b", "c"}, {"a"}}, []string{"a", "b", "c"}, [][]string{{"b", "c"}, {"a"}}},
		{"there is room for new ones", [][]string{{"b"}, {"a"}}, []string{"a", "b", "c", "d", "e"}, [][]string{{"b", "c", "d"}, {"a", "e"}}},
		{"one goes", [][]string{{"a", "b", "c"}, {"d"}}, []string{"a", "c", "d"}, [][]string{{"a", "c"}, {"d"}}},
		{"a share goes", [][]string{{"a", "b", "c"}, {"d"}}, []string{"a", "b", "c"}, [][]string{{"a", "b", "c"}}},
		{"one in the middle is empty", [][]string{{"a"}, {"b"}, {"c"}}, []string{"a", "c"}, [][]string{{"a"}, nil, {"c"}}},
		{"all go", [][]string{{"a"}, {"b"}}, nil, nil},
		{"told twice", nil, []string{"a", "a"}, [][]string{{"a"}}},
		{"had twice", [][]string{{"a"}, {"a", "b"}}, []string{"a", "b"}, [][]string{{"a"}, {"b"}}},
		{"a share has too many", [][]string{{"a", "b", "c", "d"}}, []string{"a", "b", "c", "d"}, [][]string{{"a", "b", "c"}, {"d"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, share(tt.have, tt.domains, 3), cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Whatever comes and goes, each domain is in one share, and stays in it.
func TestShareKeepsPlaces(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var have [][]string
	for range 2000 {
		var domains []string
		for i := range 40 {
			if rnd.IntN(2) == 0 {
				domains = append(domains, fmt.Sprintf("d%02d", i))
			}
		}
		next := share(have, domains, 7)
		if got := slices.Sorted(slices.Values(slices.Concat(next...))); !slices.Equal(got, domains) {
			t.Fatalf("of %v there is %v", domains, next)
		}
		for i, s := range next {
			if len(s) > 7 {
				t.Fatalf("a share has %v", s)
			}
			for j := range have {
				for _, d := range have[j] {
					if i != j && slices.Contains(s, d) {
						t.Fatalf("%s has gone from %d to %d", d, j, i)
					}
				}
			}
		}
		have = next
	}
}
