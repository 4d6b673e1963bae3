package main

import (
	"errors"
	"fmt"
)

const usage = `tidegate-server runs the server side of Tidegate.

  tidegate-server controller --config FILE             run the controller
  tidegate-server controller enrol USER --config FILE  make an enrolment link
  tidegate-server controller enrol-gateway NAME --config FILE
  tidegate-server controller sessions --config FILE    list the sessions
  tidegate-server controller revoke session|user|device ID --config FILE
  tidegate-server controller restore USER --config FILE  undo revoke user
  tidegate-server controller audit --config FILE       show what happened of late
  tidegate-server controller hash-password             hash a password (stdin)
  tidegate-server gateway --config FILE                run a gateway
  tidegate-server lab [--config FILE] [--quick]        run all of it, to try out

It logs to standard error and ends cleanly on SIGTERM or Ctrl+C. On SIGHUP the
controller reads its file again; a mistake in it changes nothing and is logged.
`

// errUsage is what usageError wraps; main ends with exit code 2.
var errUsage = errors.New("`tidegate-server help` says how it is used")

func usageError(format string, args ...any) error {
	return fmt.Errorf("%s; %w", fmt.Sprintf(format, args...), errUsage)
}
