package classicvpn

import (
	"context"
	"strings"

	"github.com/tidegate/tidegate/internal/classicvpn/hook"
	"github.com/tidegate/tidegate/internal/classicvpn/openconnect"
	"github.com/tidegate/tidegate/internal/helper/protocol"
	"github.com/tidegate/tidegate/tunnel/netwatch"
)

// system is this machine.
func system(o Options) outside {
	return outside{
		find:   find,
		helper: func(ctx context.Context) bool { return helped(ctx, o.Helper) },
		open:   func(ctx context.Context) (lease, error) { return open(ctx, o.Helper) },
		listen: o.listen,
		device: device,
		way:    way,
		watch: func(ctx context.Context, changed func(netwatch.Change)) error {
			ours := func(name string) bool { return protocol.Opened(name) || strings.HasPrefix(name, protocol.VPNPrefix) }
			return netwatch.New(netwatch.Options{Ignore: ours, Log: o.Log}).Run(ctx, changed)
		},
	}
}

// installed is an openconnect that is.
type installed struct{ openconnect.Engine }

func find() (engine, string, error) {
	e, err := openconnect.Find()
	if err != nil {
		return nil, "", err
	}
	return installed{e}, e.Version, nil
}

// Start implements engine.
func (e installed) Start(ctx context.Context, s openconnect.Session, t openconnect.Tunnel) (running, error) {
	r, err := e.Engine.Start(ctx, s, t)
	if err != nil {
		return nil, err
	}
	return r, nil
}

// listen hears the hook.
func (o Options) listen(do func(context.Context, []string) error) (env []string, stop func(), err error) {
	s, err := hook.Listen(o.folder(), o.Log)
	if err != nil {
		return nil, nil, err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.Serve(context.Background(), do)
	}()
	return s.Env(), func() {
		s.Close()
		<-ended
	}, nil
}
