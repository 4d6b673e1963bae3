package app

import (
	"context"
	"os"

	"github.com/tidegate/tidegate/app/diag"
	"github.com/tidegate/tidegate/app/diag/gather"
	"github.com/tidegate/tidegate/app/profile"
	"github.com/tidegate/tidegate/app/tun"
	"github.com/tidegate/tidegate/internal/underlay"
	"github.com/tidegate/tidegate/session"
	"github.com/tidegate/tidegate/session/vault"
)

// Diagnose finds out what is wrong where no client runs. See gather.Gatherer.
func Diagnose(p profile.Profile) func(context.Context, func(diag.Progress)) (diag.Report, error) {
	return gather.New(gather.Options{Version: Version, Enrolled: vault.Records{Dir: p.Config}.Load, Helper: os.Getenv(tun.SocketEnv)}).Diagnose
}

// newDiagnoser makes what finds out what is wrong with a running client.
func newDiagnoser(p profile.Profile, core Core, f *fronts, below *underlay.Underlay, lines *diag.Lines) *gather.Gatherer {
	return gather.New(gather.Options{
		Version: Version,
		State: func(ctx context.Context) (session.State, error) {
			for s := range core.Watch(ctx) {
				return s, nil
			}
			return session.State{}, context.Cause(ctx)
		},
		Enrolled: vault.Records{Dir: p.Config}.Load,
		Peers:    f.peers.Peers,
		Explain:  f.split.Explain,
		Underlay: below,
		Helper:   os.Getenv(tun.SocketEnv),
		Log:      lines.Text,
	})
}
