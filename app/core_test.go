package app

import (
	"log/slog"
	"net/netip"
	"testing"

	"github.com/tidegate/tidegate/app/profile"
)

func TestOpenNames(t *testing.T) {
	p := profile.Profile{Config: t.TempDir()}
	for _, row := range []struct {
		env, want string // no want: an error
	}{
		{"", "100.96.0.0/16"},
		{"100.80.0.0/16", "100.80.0.0/16"},
		{"100.80.0.0", ""},
		{"100.80.0.0/15", ""},
		{"10.0.0.0/16", ""},
	} {
		t.Setenv(NetworkEnv, row.env)
		pool, err := openNames(p, slog.New(slog.DiscardHandler))
		if (err == nil) != (row.want != "") {
			t.Errorf("%q: %v", row.env, err)
		}
		if err == nil && pool.Prefixes()[0] != netip.MustParsePrefix(row.want) {
			t.Errorf("%q: at %v", row.env, pool.Prefixes())
		}
	}
}
