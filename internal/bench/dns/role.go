package dns

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/pprof"
)

// roles are what a process of a measurement is.
var roles = map[string]func(context.Context, []string) error{
	"dns-upstream": serveUpstream, "dns-ours": serveOurs, "dns-memory": hold,
}

// HasRole says whether a role is one of this package.
func HasRole(name string) bool { return roles[name] != nil }

// Role plays the part that the arguments name, until the standard input ends.
// With TIDEGATE_BENCH_PROFILES its CPU profile is left in that folder.
func Role(args []string) error {
	if len(args) < 2 || !HasRole(args[0]) {
		return fmt.Errorf("no such role: %q", args)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		defer cancel() // whoever started us has gone
		io.Copy(io.Discard, os.Stdin)
	}()
	if dir := os.Getenv("TIDEGATE_BENCH_PROFILES"); dir != "" {
		f, err := os.Create(filepath.Join(dir, fmt.Sprintf("%s.%d.pprof", args[0], os.Getpid())))
		if err != nil {
			return fmt.Errorf("profile: %w", err)
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return fmt.Errorf("profile: %w", err)
		}
		defer pprof.StopCPUProfile()
	}
	return roles[args[0]](ctx, args[1:])
}
