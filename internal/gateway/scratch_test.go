package gateway

import "testing"

func TestScratch(t *testing.T) {
	var s scratch
	defer s.free()
	for i, step := range []struct{ took, want int }{
		{100, smallBuffer}, {smallBuffer, mediumBuffer}, {smallBuffer, mediumBuffer}, {mediumBuffer, largeBuffer}, {mediumBuffer, largeBuffer},
		{largeBuffer, largeBuffer}, {1, smallBuffer}, {smallBuffer, mediumBuffer}, {0, smallBuffer},
	} {
		s.took(step.took)
		if n := len(s.buf()); n != step.want {
			t.Errorf("step %d: %d bytes, want %d", i, n, step.want)
		}
	}
	var all [maxLarge + 1]scratch
	for i := range all {
		all[i].took(smallBuffer)
		all[i].took(mediumBuffer)
	}
	if n := len(all[maxLarge].buf()); n != mediumBuffer {
		t.Errorf("one too many has %d bytes", n)
	}
	for i := range all {
		all[i].free()
		all[i].free()
	}
	if len(largeSlots) != 0 {
		t.Errorf("%d are still in use", len(largeSlots))
	}
}
