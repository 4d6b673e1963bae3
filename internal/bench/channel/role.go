package channel

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/pprof"
	"time"
)

// roles are what a process of a measurement is.
var roles = map[string]func(context.Context, *role) error{
	"gateway":   serveGateway,
	"client":    runClient,
	"wireguard": runWireGuard,
	"app":       serveApp,
	"load":      runLoad,
}

// role is a process's part, from its command line.
type role struct {
	dir, at, to, lane, side, kind string
	flows, rate                   int
	seconds                       float64
	size                          int64
	churn                         bool
	commands                      <-chan string // lines of the standard input; closed at its end
	log                           *slog.Logger  // nil: none
}

// Role plays the part that the arguments name, until the standard input ends.
// With TIDEGATE_BENCH_PROFILES its CPU profile and its log are left in that folder.
func Role(args []string) error {
	r := &role{}
	f := flag.NewFlagSet("role", flag.ContinueOnError)
	f.StringVar(&r.dir, "dir", "", "the folder of the bed")
	f.StringVar(&r.at, "at", "", "the address to listen at")
	f.StringVar(&r.to, "to", "", "the address to reach")
	f.StringVar(&r.lane, "lane", "", "auto, h3 or h2, or tun- and one of these")
	f.StringVar(&r.side, "side", "", "client or gateway")
	f.StringVar(&r.kind, "kind", "", "what to measure")
	f.IntVar(&r.flows, "flows", 1, "how many at once")
	f.IntVar(&r.rate, "rate", 0, "how many a second")
	f.Float64Var(&r.seconds, "seconds", 1, "how long")
	f.Int64Var(&r.size, "size", 0, "bytes")
	f.BoolVar(&r.churn, "churn", false, "whether a day is compressed: idle and parked for a short time")
	if len(args) == 0 || roles[args[0]] == nil {
		return fmt.Errorf("no such role: %q", args)
	}
	if err := f.Parse(args[1:]); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	commands := make(chan string)
	r.commands = commands
	go func() {
		defer cancel() // whoever started us has gone
		defer close(commands)
		for s := bufio.NewScanner(os.Stdin); s.Scan(); {
			select {
			case commands <- s.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	if dir := os.Getenv("TIDEGATE_BENCH_PROFILES"); dir != "" {
		name := filepath.Join(dir, fmt.Sprintf("%s-%s%s.%d", args[0], r.side, r.lane, os.Getpid()))
		f, err := os.Create(name + ".pprof")
		if err != nil {
			return fmt.Errorf("profile: %w", err)
		}
		defer f.Close()
		l, err := os.Create(name + ".log")
		if err != nil {
			return fmt.Errorf("log: %w", err)
		}
		defer l.Close()
		r.log = slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
		if err := pprof.StartCPUProfile(f); err != nil {
			return fmt.Errorf("profile: %w", err)
		}
		defer pprof.StopCPUProfile()
	}
	return roles[args[0]](ctx, r)
}

// ready tells that the part is played, and what its caller has to know.
func ready(a ...any) { fmt.Println(append([]any{"ready"}, a...)...) }
