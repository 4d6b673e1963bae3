// Command demo shows Tidegate at work: a lab, and the real client beside it.
//
// With a display it opens there, under a profile of its own, and the person
// plays; what it made on the machine is removed when the client ends. Without
// one it brings up a desktop of its own and plays a tour through the real
// window and tray, saving a picture of each step below -out and printing a
// line for each with what was checked. The last line is "demo: N steps
// passed"; a step that fails is named, and the exit status is then 1.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	var o options
	flag.StringVar(&o.client, "client", "build/bin/tidegate", "the client")
	flag.StringVar(&o.server, "server", "build/bin/tidegate-server", "the server, for the lab")
	flag.StringVar(&o.out, "out", "build/demo", "where the pictures go")
	tour := flag.Bool("tour", os.Getenv("DISPLAY") == "" && os.Getenv("WAYLAND_DISPLAY") == "", "play the tour on a desktop of its own even where there is a display")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	for _, path := range []*string{&o.client, &o.server, &o.out} {
		abs, err := filepath.Abs(*path) // the desktop's programs run elsewhere
		if err != nil {
			fmt.Fprintln(os.Stderr, "demo:", err)
			os.Exit(1)
		}
		*path = abs
	}
	run := play
	if *tour {
		run = guide
	}
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// options say what is shown.
type options struct{ client, server, out string }

// guide plays the tour.
func guide(ctx context.Context, o options) error {
	ctx, cancel := context.WithTimeoutCause(ctx, tourTime, fmt.Errorf("the tour took longer than %v", tourTime))
	defer cancel()
	begin := time.Now()
	t := &tour{options: o}
	defer t.close()
	for _, s := range t.steps() {
		said, err := t.play(ctx, s)
		if err != nil {
			return fmt.Errorf("step %d, %s: %w", t.n, s.name, err)
		}
		fmt.Printf("demo: %2d %s: %s\n", t.n, s.name, said)
	}
	if err := t.close(); err != nil {
		return err
	}
	fmt.Printf("demo: pictures in %s, %.0f s\n", o.out, time.Since(begin).Seconds())
	fmt.Printf("demo: %d steps passed\n", t.n)
	return nil
}

// tourTime bounds the tour.
const tourTime = 5 * time.Minute
