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
  tidegate-server controller revoke session|user|device|policy ID --config FILE
  tidegate-server controller restore USER --config FILE  undo revoke user
  tidegate-server controller suspend session|user|device ID --config FILE  until the next use
  tidegate-server controller renew all|session|user|device|policy [ID] [--claims] [--entitlements] --config FILE
  tidegate-server controller risk USER low|medium|high|NUMBER [--for 8h] [--why TEXT] --config FILE
  tidegate-server controller audit --config FILE       show what happened of late
  tidegate-server controller hash-password             hash a password (stdin)
  tidegate-server policy check PATH                    find mistakes, and what could be better
  tidegate-server policy test PATH CASES...            judge cases
  tidegate-server policy plan PATH --config FILE       foresee what PATH would do to live sessions
  tidegate-server policy apply PATH --config FILE [--plan ID] [--yes]
  tidegate-server policy explain USER APP|HOST[:PORT] --config FILE
  tidegate-server policy schema                        write the JSON Schema
  tidegate-server gateway --config FILE                run a gateway
  tidegate-server lab [--config FILE] [--quick]        run all of it, to try out

It logs to standard error and ends cleanly on SIGTERM or Ctrl+C. On SIGHUP the
controller reads its file again; a mistake in it changes nothing and is logged.
A controller's FILE may be a directory of *.yaml. The lab says which FILE its
controller has: the commands for controllers and policies work on it.
`

// errUsage is what usageError wraps; main ends with exit code 2.
var errUsage = errors.New("`tidegate-server help` says how it is used")

func usageError(format string, args ...any) error {
	return fmt.Errorf("%s; %w", fmt.Sprintf(format, args...), errUsage)
}
