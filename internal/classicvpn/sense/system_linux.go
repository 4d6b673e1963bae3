package sense

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync"

	"github.com/tidegate/tidegate/internal/filewatch"
)

// linux asks the kernel, in the network namespace of the thread that Run is on, and
// systemd-resolved.
type linux struct {
	log   *slog.Logger
	root  string
	names resolved
	// holders are devices' holders that were found, so that not all processes are read
	// each time.
	holders holders
}

func newSystem(o Options) system {
	root := o.Root
	if root == "" {
		root = "/"
	}
	return &linux{log: o.Log, root: root, names: resolved{address: o.Bus, log: o.Log}}
}

func (s *linux) open(changed func()) (<-chan struct{}, func(), error) {
	l, err := listen()
	if err != nil {
		return nil, nil, err
	}
	ended := make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(ended)
		if err := l.hear(changed); err != nil && ctx.Err() == nil {
			s.log.Warn("changes of the network are not announced any more", "error", err)
		}
	})
	wg.Go(func() { s.names.watch(ctx, changed) })
	wg.Go(func() { filewatch.Watch(ctx, filepath.Join(s.root, "etc"), "resolv.conf", changed) })
	return ended, func() {
		cancel()
		l.close()
		wg.Wait()
	}, nil
}

func (s *linux) look(ctx context.Context, q question) (picture, error) {
	p, err := survey()
	if err != nil {
		return picture{}, err
	}
	p.egress4, p.egress6 = leaves(everywhere4), leaves(everywhere6)
	p.no6 = switchedOff()
	p.programs = programs("/proc")
	var ask []link
	for _, l := range p.links {
		if q.vpn(p, l) {
			ask = append(ask, l)
		}
	}
	if q.alone {
		p.holders = s.holders.of(ask)
	}
	if p.names = s.names.ask(ctx, ask); p.names == nil {
		p.names = fromFile(filepath.Join(s.root, "etc/resolv.conf"), ask)
	}
	if q.blind {
		p.barred = try(p, q.underlay)
	}
	return p, nil
}
