package resolvedtest

import (
	"os"
	"path/filepath"
	"testing"
)

// Package is the folder of a package of Debian, as packaging/unpack.sh unpacks it
// and `make test` has it: those for names would change this machine's own if they
// were installed. It is not to be changed.
func Package(t testing.TB, name string) string {
	t.Helper()
	dir := filepath.Join(module(t), "build", "debian", name)
	if _, err := os.Stat(dir); err != nil {
		t.Fatalf("Debian's package %s is not there; run: packaging/unpack.sh %s", name, name)
	}
	return dir
}
