// Command tidegate-server runs Tidegate's servers: the controller, a gateway,
// or a lab with both and sample applications on one machine.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:])
	switch {
	case err == nil:
	case errors.Is(err, flag.ErrHelp):
		fmt.Print(usage)
	case errors.Is(err, errUsage):
		fmt.Fprintln(os.Stderr, "tidegate-server:", err)
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, "tidegate-server:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return usageError("say what to run")
	}
	switch args[0] {
	case "controller":
		return runController(ctx, args[1:])
	case "policy":
		return runPolicy(ctx, args[1:])
	case "gateway":
		return runGateway(ctx, args[1:])
	case "lab":
		return runLab(ctx, args[1:])
	case "help", "-h", "-help", "--help":
		return flag.ErrHelp
	}
	return usageError("unknown command %q", args[0])
}

// served makes a clean end of a server that was asked to end before it had begun.
func served(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
