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

const usage = `tidegate-server runs the server side of Tidegate.

  tidegate-server controller --config FILE             run the controller
  tidegate-server controller enrol USER --config FILE  make an enrolment link
  tidegate-server controller enrol-gateway NAME --config FILE
  tidegate-server controller sessions --config FILE    list the sessions
  tidegate-server controller revoke session|user|device ID --config FILE
  tidegate-server controller hash-password             hash a password (stdin)
  tidegate-server gateway --config FILE                run a gateway
  tidegate-server lab [--config FILE] [--quick]        run all of it, to try out

It logs to standard error and ends cleanly on SIGTERM or Ctrl+C.
`

// errUsage asks main to show how the command is used.
var errUsage = errors.New("unknown command; `tidegate-server help` lists them")

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
		return flag.ErrHelp
	}
	switch args[0] {
	case "controller":
		return runController(ctx, args[1:])
	case "gateway":
		return runGateway(ctx, args[1:])
	case "lab":
		return runLab(ctx, args[1:])
	case "help", "-h", "--help":
		return flag.ErrHelp
	}
	return errUsage
}
