//go:build !windows

package lang

import "os"

// preferred are the user's languages, the first most of all.
func preferred() []string { return environment(os.Getenv) }
