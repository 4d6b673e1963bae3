// Package mistyped finds what somebody may have meant who mistyped a name, for those who
// say that there is none. It is pure, and safe for concurrent use.
package mistyped

import (
	"fmt"
	"strings"
)

// longest is the longest name that is looked for.
const longest = 64

// Hint says ", did you mean ...?" of the known name nearest to one that is not known,
// or nothing where none is near.
func Hint(name string, known []string) string {
	best, least := "", len(name)/2+1
	if len(name) > longest {
		return ""
	}
	for _, k := range known {
		if len(k) > 2*longest { // too far from any
			continue
		}
		if d := distance(strings.ToLower(name), strings.ToLower(k)); d < least {
			best, least = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(", did you mean %q?", best)
}

// distance is how many letters must be put in, taken out or changed to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diagonal
			if a[i-1] != b[j-1] {
				cost++
			}
			diagonal = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}
