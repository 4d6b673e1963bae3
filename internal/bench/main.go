// Command bench measures reevaluation beside cel-go's, and then the client as
// its user would feel it, on the real program beside a real lab. It prints a
// line for each figure:
//
//	bench: NAME VALUE UNIT
//
// Between the two it measures the pages of the window for 2,000 applications, the
// data channel (package channel) beside
// wireguard-go and the resolver (package dns) beside dnsmasq and unbound, in
// namespaces, for which it has to be root. Figures in round
// trips are taken over a path with a known delay, so that they say how many times
// the client waits for the far end, whatever the machine does. `make bench` runs
// it; it takes about half an hour, ten minutes of which the client finds no controller.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/tidegate/tidegate/internal/bench/channel"
	"github.com/tidegate/tidegate/internal/bench/dns"
	"github.com/tidegate/tidegate/internal/desktop"
	"github.com/tidegate/tidegate/internal/lab"
	"github.com/tidegate/tidegate/internal/rig"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "role" { // of a measurement in namespaces
		role := channel.Role
		if len(os.Args) > 2 && dns.HasRole(os.Args[2]) {
			role = dns.Role
		}
		if err := role(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	program := flag.String("program", "build/bin/tidegate", "the client to measure")
	window := flag.String("window", "build/window.test", "the test of its window, which has the benchmark of its pages")
	runs := flag.Int("runs", 11, "how often each figure is taken; the median is printed")
	hidden := flag.Duration("hidden", time.Minute, "how long the hidden client is watched")
	away := flag.Duration("away", 10*time.Minute, "and how long while it does not reach its controller")
	only := flag.String("only", "", "these alone: first-byte,bulk,lossy,roam,opens,parked,churn of the data channel, dns, pages: the window with very many applications, and idle: what the client costs; churn only when named")
	churn := flag.Duration("for", 10*time.Minute, "how long to churn: a day of use, compressed")
	seed := flag.Uint64("seed", 1, "what the churn is drawn from")
	lanes := flag.String("lanes", "", "of bulk transfers alone, these: auto,h3,h2,tun-auto,tun-h3")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 40*time.Minute)
	defer cancel()
	path, err := filepath.Abs(*program) // the desktop's programs run elsewhere
	if err == nil {
		b := &bench{program: path, pagesTest: *window, runs: *runs, hidden: *hidden, away: *away, churn: *churn, seed: *seed}
		err = b.all(ctx, *only, *lanes)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// all takes every measurement, or only some of those in namespaces.
func (b *bench) all(ctx context.Context, only, lanes string) error {
	o := channel.Options{Rounds: min(b.runs, 5), Report: report, For: b.churn, Seed: b.seed}
	if lanes != "" {
		o.Lanes = strings.Split(lanes, ",")
	}
	if only != "" {
		o.Only = strings.Split(only, ",")
		for name, step := range map[string]func(context.Context) error{"dns": b.names, "parked": b.parked, "pages": b.pages, "idle": b.run} {
			if i := slices.Index(o.Only, name); i >= 0 {
				o.Only = slices.Delete(o.Only, i, i+1)
				if err := step(ctx); err != nil || len(o.Only) == 0 {
					return err
				}
			}
		}
		return channel.Run(ctx, o)
	}
	for _, step := range []func(context.Context) error{b.evaluation, b.pages, b.parked, func(ctx context.Context) error { return channel.Run(ctx, o) }, b.names, b.run} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// names measures the resolver beside others.
func (b *bench) names(ctx context.Context) error {
	return dns.Run(ctx, dns.Options{Rounds: min(b.runs, 5), Report: report, Note: func(text string) { fmt.Println("bench:", text) }})
}

// bench measures one client on one lab.
type bench struct {
	program string
	// pagesTest is the test of the window.
	pagesTest string
	runs      int
	hidden    time.Duration
	away      time.Duration
	churn     time.Duration
	seed      uint64
	lab       *lab.Lab
	rig       *rig.Rig
	paths     []*lab.Relay // to the controller and to the gateway
}

func (b *bench) run(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "tidegate-bench-")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	defer os.RemoveAll(dir)
	conf := lab.DefaultConfig()
	conf.Settings.Idle = wire.Duration(time.Second)
	b.lab, err = lab.Start(ctx, lab.Options{Config: conf, Dir: dir, GatewayPath: b.path})
	defer b.closePaths()
	if err != nil {
		return err
	}
	defer b.lab.Close()
	d, err := desktop.Start(ctx, desktop.Options{Parts: desktop.Keyring | desktop.Panel})
	if err != nil {
		return err
	}
	defer d.Close()
	b.rig = rig.New(d, b.program)
	defer b.rig.Stop(syscall.SIGTERM)
	for _, step := range []func(context.Context) error{b.signIn, b.starts, b.window, b.use, b.idle, b.unreachable} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// signIn brings the client to where every later start finds its cookie.
func (b *bench) signIn(ctx context.Context) error {
	if err := b.rig.Start(ctx); err != nil {
		return err
	}
	p := b.lab.Config().People[0]
	link, err := b.lab.Link(ctx, p.Name)
	if err != nil {
		return err
	}
	if link.Controller, err = b.path(link.Controller); err != nil {
		return err
	}
	if err := b.rig.Do(ctx, session.Enrol{Link: session.Secret(link.String())}); err != nil {
		return err
	}
	asked := func(s *session.State) bool { return s.Prompt != nil && s.Prompt.Kind == session.PromptSignIn }
	if _, err := b.rig.Wait(ctx, "it asks to sign in", asked); err != nil {
		return err
	}
	if err := b.rig.Do(ctx, session.SignIn{Password: session.Secret(p.Password)}); err != nil {
		return err
	}
	if _, err = b.rig.Wait(ctx, "it is active", active); err != nil {
		return err
	}
	select {
	case <-time.After(keychainTime):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

const (
	// keychainTime is what the keychain may take to write the cookie, on a busy
	// machine; a client that ends waits a second for it.
	keychainTime = 5 * time.Second
	// startTime bounds one start.
	startTime = 2 * time.Minute
)

// path puts one before a server, which counts what the client sends there.
func (b *bench) path(to string) (string, error) {
	r, err := lab.NewRelay(to)
	if err != nil {
		return "", err
	}
	b.paths = append(b.paths, r)
	return r.Addr(), nil
}

func (b *bench) closePaths() {
	for _, r := range b.paths {
		r.Close()
	}
}

func active(s *session.State) bool { return s.ZTA.Active && len(s.Apps) > 0 }

// starts measures the time from the start of the process to its icon in the
// panel, and to the established control channel, from the cookie.
func (b *bench) starts(ctx context.Context) error {
	var tray, ready []float64
	start := func() error {
		if err := b.rig.Stop(syscall.SIGTERM); err != nil {
			return err
		}
		begin := time.Now()
		if err := b.rig.Start(ctx); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, startTime) // of the waits alone
		defer cancel()
		shown := make(chan error, 1)
		go func() {
			_, err := b.rig.WaitTrayItem(ctx, "Tidegate", nil)
			tray = append(tray, millis(time.Since(begin)))
			shown <- err
		}()
		_, err := b.rig.Wait(ctx, "it is active", active)
		took := millis(time.Since(begin))
		if trayErr := <-shown; trayErr != nil {
			return trayErr
		}
		if err != nil {
			return err
		}
		ready = append(ready, took)
		return nil
	}
	for range b.runs {
		if err := start(); err != nil {
			return err
		}
	}
	report("start-tray", median(tray), "ms")
	report("start-active", median(ready), "ms")
	return nil
}

func report(name string, value float64, unit string) {
	digits := 2
	if value < 1 {
		digits = 4
	}
	fmt.Printf("bench: %s %.*f %s\n", name, digits, value, unit)
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func median(v []float64) float64 {
	slices.Sort(v)
	if len(v)%2 == 1 {
		return v[len(v)/2]
	}
	return (v[len(v)/2-1] + v[len(v)/2]) / 2
}
