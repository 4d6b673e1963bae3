package reevaluate

// seconds is a heap with the least first. It is container/heap's, without an
// allocation for each.
type seconds []int64

func (s *seconds) push(x int64) {
	*s = append(*s, x)
	h := *s
	for i := len(h) - 1; i > 0; {
		parent := (i - 1) / 2
		if h[parent] <= h[i] {
			return
		}
		h[parent], h[i] = h[i], h[parent]
		i = parent
	}
}

func (s *seconds) pop() {
	h := *s
	last := len(h) - 1
	h[0] = h[last]
	h = h[:last]
	*s = h
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < last; child++ {
			if h[child] < h[least] {
				least = child
			}
		}
		if least == i {
			return
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
}
