package app

import (
	"context"
	"log/slog"

	"golang.org/x/sync/errgroup"

	"github.com/tidegate/tidegate/app/profile"
	"github.com/tidegate/tidegate/session"
	"github.com/tidegate/tidegate/tunnel"
	"github.com/tidegate/tidegate/tunnel/proxy"
)

// fronts are the data plane with its proxy: the session's Dataplane.
type fronts struct {
	plane *tunnel.Dataplane
	proxy *proxy.Proxy
	log   *slog.Logger
}

func newFronts(p profile.Profile, plane *tunnel.Dataplane, log *slog.Logger) *fronts {
	return &fronts{plane, proxy.New(proxy.Options{Router: plane.Router(), Peer: tunnel.CheckPeer, Profile: p.Name, Log: log}), log}
}

// Apply implements session.Dataplane.
func (f *fronts) Apply(w session.Wanted) {
	f.proxy.Apply(w)
	f.plane.Apply(w)
}

// run runs both until ctx ends. Without a proxy the data plane runs all the same.
func (f *fronts) run(ctx context.Context, report func(session.DataplaneFacts)) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		if err := f.proxy.Run(ctx); err != nil {
			f.log.Warn("there is no proxy for programs", "error", err)
		}
		return nil
	})
	g.Go(func() error {
		<-f.proxy.Ready() // so that the first report says where
		return f.plane.Run(ctx, func(facts session.DataplaneFacts) {
			facts.Proxy = f.proxy.Addr()
			report(facts)
		})
	})
	return g.Wait()
}
