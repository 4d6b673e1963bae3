package osdns

import "slices"

// most is how many domains are given to one link or one delegate. systemd-resolved
// takes 256, and while it replaces them has both the old and the new.
const most = 128

// share divides domains into shares of at most n. What a share has already stays
// in it, so that no name is in none while shares are changed one after the other;
// each share is sorted, and the last is not empty.
func share(have [][]string, domains []string, n int) [][]string {
	want := map[string]bool{}
	for _, d := range domains {
		want[d] = true
	}
	var shares [][]string
	for _, h := range have {
		var kept []string
		for _, d := range h {
			if want[d] && len(kept) < n {
				kept = append(kept, d)
				delete(want, d)
			}
		}
		shares = append(shares, kept)
	}
	i := 0
	for _, d := range slices.Compact(slices.Sorted(slices.Values(domains))) {
		if !want[d] {
			continue
		}
		for i < len(shares) && len(shares[i]) >= n {
			i++
		}
		if i == len(shares) {
			shares = append(shares, nil)
		}
		shares[i] = append(shares[i], d)
	}
	for len(shares) > 0 && len(shares[len(shares)-1]) == 0 {
		shares = shares[:len(shares)-1]
	}
	for _, s := range shares {
		slices.Sort(s)
	}
	return shares
}
