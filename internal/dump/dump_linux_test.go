package dump

import (
	"errors"
	"testing"

	"github.com/vishvananda/netlink"
)

func TestWhole(t *testing.T) {
	other := errors.New("not permitted")
	for _, tt := range []struct {
		name        string
		interrupted int
		then, want  error
		calls       int
	}{
		{"at once", 0, nil, nil, 1},
		{"in the end", 3, nil, nil, 4},
		{"another error is told", 2, other, other, 3},
		{"never", 100, nil, netlink.ErrDumpInterrupted, tries},
	} {
		calls := 0
		all, err := Whole(func() ([]int, error) {
			calls++
			if calls <= tt.interrupted {
				return []int{1}, netlink.ErrDumpInterrupted
			}
			return []int{1, 2}, tt.then
		})
		if !errors.Is(err, tt.want) || calls != tt.calls || err == nil && len(all) != 2 {
			t.Errorf("%s: %v, %v after %d calls", tt.name, all, err, calls)
		}
	}
}
