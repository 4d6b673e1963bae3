//go:build linux && !amd64 && !arm64

package confine

// SystemCalls does nothing here: the service's unit filters them.
func SystemCalls(Allow) error { return nil }
