// Tidegate is an open zero-trust access client that lives in the tray.
//
//	tidegate                  the tray process, or the window of the one that runs
//	tidegate tidegate:enrol?… the same, with an enrolment link that was clicked
//	tidegate window --viewer  the window process, which the tray process starts
//	tidegate vpnc-hook        what openconnect runs for the tray process
//	tidegate COMMAND          the command line of the one that runs
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/tidegate/tidegate/app"
	"github.com/tidegate/tidegate/app/cli"
	_ "github.com/tidegate/tidegate/app/earlylog"
	"github.com/tidegate/tidegate/app/profile"
	"github.com/tidegate/tidegate/internal/lang"
)

func main() { os.Exit(run(os.Args[1:])) }

// run is the program; it returns the exit code.
func run(args []string) int {
	if slices.Equal(args, []string{app.HookCommand}) {
		return app.Hook()
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	name := os.Getenv(profile.Env)
	if len(args) > 1 && args[0] == "--profile" {
		name, args = args[1], args[2:]
	}
	o := cli.Options{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}
	if cli.Alone(args) {
		return cli.Run(ctx, args, o)
	}
	if len(args) == 1 && args[0] == "--version" {
		fmt.Println("tidegate", app.Version)
		return cli.Done
	}
	p, err := profile.Open(name)
	log := logger()
	switch {
	case err != nil:
	case slices.Equal(args, []string{"window", app.ViewerFlag}):
		lang.FollowSystem()
		err = showWindow(ctx, p, log)
	case len(args) == 0:
		lang.FollowSystem()
		err = app.Tray(ctx, p, "", log)
	case len(args) == 1 && strings.HasPrefix(args[0], "tidegate:"):
		var link string
		if link, err = clickedLink(args[0]); err == nil {
			lang.FollowSystem()
			err = app.Tray(ctx, p, link, log)
		}
	default:
		lang.FollowSystem()
		o.Profile, o.Diagnose = p, app.Diagnose(p)
		return cli.Run(ctx, args, o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "tidegate:", err)
		return cli.Failed
	}
	return cli.Done
}
