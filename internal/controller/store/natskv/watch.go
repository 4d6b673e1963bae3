package natskv

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/tidegate/tidegate/internal/controller/store"
)

// Watch implements store.Store.
func (s *Store) Watch(ctx context.Context, prefix string, after uint64) (<-chan store.Entry, error) {
	var opts []jetstream.WatchOpt
	if after > 0 {
		opts = append(opts, jetstream.IncludeHistory(), jetstream.ResumeFromRevision(after+1))
	}
	w, err := s.kv.Watch(ctx, below(prefix), opts...)
	if err != nil {
		return nil, fmt.Errorf("store watch %s: %w", prefix, err)
	}
	out := make(chan store.Entry)
	go func() {
		defer close(out)
		defer func() {
			w.Stop()
			for range w.Updates() { // its sender must not stay blocked
			}
		}()
		present := after == 0
		for {
			select {
			case e, ok := <-w.Updates():
				switch {
				case !ok:
					return
				case e == nil:
					present = false
					continue
				case present && e.Operation() != jetstream.KeyValuePut:
					continue
				}
				select {
				case out <- entry(e):
				case <-ctx.Done():
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	return out, nil
}
