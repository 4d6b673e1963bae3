package sense

import (
	"bytes"
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// Where there is no bus it is not asked for all day.
func TestNoBus(t *testing.T) {
	address := "unix:path=" + filepath.Join(t.TempDir(), "none")
	synctest.Test(t, func(t *testing.T) {
		var lines bytes.Buffer
		r := &resolved{address: address, log: slog.New(slog.NewTextHandler(&lines, &slog.HandlerOptions{Level: slog.LevelDebug}))}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		r.watch(ctx, func() { t.Error("there is one") })
		if n := bytes.Count(lines.Bytes(), []byte("not asked")); n < 20 || n > 35 {
			t.Errorf("%d tries in an hour", n)
		}
	})
}
