package viewer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// inspect answers GET /elements on a socket at path with what elements
// returns, until ctx ends. It is for end-to-end tests: Fyne shows no tree to
// assistive technology yet, which tests could read in its place.
func inspect(ctx context.Context, path string, elements func() any) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("open inspection socket: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return fmt.Errorf("open inspection socket: %w", err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false) // by then it may be the next window's
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return fmt.Errorf("protect inspection socket: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /elements", func(w http.ResponseWriter, _ *http.Request) {
		wire.WriteJSON(w, http.StatusOK, elements())
	})
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second,
		BaseContext: func(net.Listener) context.Context { return ctx }}
	stop := context.AfterFunc(ctx, func() { srv.Close() })
	defer stop()
	if err := srv.Serve(l); ctx.Err() == nil {
		return fmt.Errorf("serve inspection socket: %w", err)
	}
	return nil
}
