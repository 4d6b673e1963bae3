// Package dump has lists of the kernel's come whole. It keeps no state.
package dump

import (
	"errors"

	"github.com/vishvananda/netlink"
)

// tries is how often a list is asked for: on a busy machine links come and go all
// the time.
const tries = 10

// Whole lists again what somebody changed meanwhile: the kernel says that such a list
// may lack what is there, which a caller would take for gone.
func Whole[T any](list func() ([]T, error)) (all []T, err error) {
	for range tries {
		if all, err = list(); !errors.Is(err, netlink.ErrDumpInterrupted) {
			break
		}
	}
	return all, err
}
