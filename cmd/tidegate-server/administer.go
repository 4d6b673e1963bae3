package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/tidegate/tidegate/internal/controller"
	"github.com/tidegate/tidegate/internal/wire"
)

// wishes are the flags of the controller's commands.
type wishes struct {
	*options
	renewal controller.Renewal
	until   time.Duration
	why     string
}

func newWishes() *wishes {
	o := &wishes{options: newOptions("controller")}
	o.BoolVar(&o.renewal.Claims, "claims", false, "renew claims tokens")
	o.BoolVar(&o.renewal.Entitlements, "entitlements", false, "renew entitlement tokens")
	o.DurationVar(&o.until, "for", 0, "how long the risk stands")
	o.StringVar(&o.why, "why", "", "why the risk is so")
	return o
}

// levels are the words for risks.
var levels = map[string]int64{"low": wire.RiskLow, "medium": wire.RiskMedium, "high": wire.RiskHigh}

// matched says which sessions a renewal is for: words are what and which.
func matched(words []string) (m controller.Match, ok bool) {
	if len(words) == 1 && words[0] == "all" {
		return m, true
	}
	if len(words) != 2 {
		return m, false
	}
	switch words[0] {
	case "user":
		m.User = words[1]
	case "device":
		m.Device = wire.DeviceID(words[1])
	case "session":
		m.Session = wire.SessionID(words[1])
	case "policy":
		m.Policy = words[1]
	default:
		return m, false
	}
	return m, true
}

// risk reads a level in words or in a number.
func risk(word string) (int64, error) {
	if level, ok := levels[word]; ok {
		return level, nil
	}
	level, err := strconv.ParseInt(word, 10, 64)
	if err != nil {
		return 0, usageError("controller: %q is no risk; write low, medium, high, or 0 to 100", word)
	}
	return level, nil
}

// counted tells for how many sessions something was done.
func counted(did string, n int, err error) error {
	if err == nil {
		fmt.Printf("%s: %d\n", did, n)
	}
	return err
}

// task finds what to ask of the running controller over its socket.
func task(o *wishes, words []string) (func(ctx context.Context, socket string) error, bool) {
	verb, args := "", words
	if len(words) > 0 {
		verb, args = words[0], words[1:]
	}
	switch {
	case verb == "enrol" && len(args) == 1:
		return func(ctx context.Context, socket string) error {
			return printLink(controller.AdminEnrol(ctx, socket, args[0]))
		}, true
	case verb == "enrol-gateway" && len(args) == 1:
		return func(ctx context.Context, socket string) error {
			return printLink(controller.AdminEnrolGateway(ctx, socket, args[0]))
		}, true
	case verb == "revoke" && len(args) == 2 && args[0] == "session":
		return func(ctx context.Context, socket string) error {
			return controller.AdminRevokeSession(ctx, socket, wire.SessionID(args[1]))
		}, true
	case verb == "revoke" && len(args) == 2 && args[0] == "user":
		return func(ctx context.Context, socket string) error {
			return controller.AdminRevokeUser(ctx, socket, args[1])
		}, true
	case verb == "revoke" && len(args) == 2 && args[0] == "device":
		return func(ctx context.Context, socket string) error {
			return controller.AdminRevokeDevice(ctx, socket, wire.DeviceID(args[1]))
		}, true
	case verb == "revoke" && len(args) == 2 && args[0] == "policy":
		return func(ctx context.Context, socket string) error {
			n, err := controller.AdminRevokePolicy(ctx, socket, args[1])
			return counted("sessions ended", n, err)
		}, true
	case verb == "suspend" && len(args) == 2 && args[1] != "" && (args[0] == "session" || args[0] == "user" || args[0] == "device"):
		match, ok := matched(args)
		return func(ctx context.Context, socket string) error {
			n, err := controller.AdminSuspend(ctx, socket, match)
			if err == nil && n.Away > 0 {
				fmt.Printf("sessions not connected, and not told: %d\n", n.Away)
			}
			return counted("sessions told to suspend", n.Told, err)
		}, ok
	case verb == "renew":
		match, ok := matched(args)
		return func(ctx context.Context, socket string) error {
			n, err := controller.AdminRenewTokens(ctx, socket, o.renewal, match)
			return counted("sessions renewed", n, err)
		}, ok
	case verb == "risk" && len(args) == 2:
		return func(ctx context.Context, socket string) error {
			level, err := risk(args[1])
			if err != nil {
				return err
			}
			if o.until < 0 {
				return usageError("controller: --for %v is past; write how long the risk stands, such as --for 8h", o.until)
			}
			var until time.Time
			if o.until > 0 {
				until = time.Now().Add(o.until)
			}
			return controller.AdminSetRisk(ctx, socket, args[0], level, until, o.why)
		}, true
	case verb == "restore" && len(args) == 1:
		return func(ctx context.Context, socket string) error {
			return controller.AdminRestoreUser(ctx, socket, args[0])
		}, true
	case verb == "sessions" && len(args) == 0:
		return func(ctx context.Context, socket string) error {
			list, err := controller.AdminSessions(ctx, socket)
			if err != nil {
				return err
			}
			return printSessions(os.Stdout, list)
		}, true
	case verb == "audit" && len(args) == 0:
		return func(ctx context.Context, socket string) error {
			records, err := controller.AdminAudit(ctx, socket)
			if err != nil {
				return err
			}
			return printAudit(os.Stdout, records)
		}, true
	}
	return nil, false
}

func printLink(l wire.EnrolmentLink, err error) error {
	if err != nil {
		return err
	}
	fmt.Println(l)
	return nil
}
