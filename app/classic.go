package app

import (
	"context"
	"fmt"
	"os"

	"github.com/tidegate/tidegate/internal/classicvpn/hook"
	"github.com/tidegate/tidegate/session"
)

// HookCommand makes `tidegate` what openconnect runs at each turn of a VPN.
const HookCommand = "vpnc-hook"

// Hook is that command; it returns the exit code. What it prints ends up among
// openconnect's words.
func Hook() int {
	if err := hook.Tell(os.Environ()); err != nil {
		fmt.Fprintln(os.Stderr, "tidegate:", err)
		return 1
	}
	return 0
}

// classic is the session's Classic, with what runs it.
type classic interface {
	session.Classic
	Run(ctx context.Context, report func(session.VPNFacts)) error
}
