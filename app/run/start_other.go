//go:build !linux

package run

import (
	"errors"

	"github.com/tidegate/tidegate/app/profile"
)

var errSystem = errors.New("this system has no namespaces for single programs; use the proxy instead: tidegate proxy")

// Start becomes the program, where the system can do that.
func Start(profile.Profile, []string) error { return errSystem }

// Asked says whether args are those of the second half.
func Asked([]string) bool { return false }

// Inside is the second half.
func Inside([]string) error { return errSystem }
