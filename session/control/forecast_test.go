package control_test

import (
	"slices"
	"testing"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session/control"
)

// TestForecast asks a real controller for the days ahead: of all that the user
// is entitled to, and of nobody who is not signed in.
func TestForecast(t *testing.T) {
	l := newLab(t, false)
	_, _, client := device(t, l, &control.Controller{}, "maya")
	if _, err := client.Forecast(t.Context(), ""); !isCode(err, wire.CodeNoSession) {
		t.Errorf("without a cookie: %v", err)
	}
	cookie, err := client.SignIn(t.Context(), wire.SignInRequest{User: "maya", Password: "time-and-tide"})
	if err != nil {
		t.Fatal(err)
	}
	f, err := client.Forecast(t.Context(), cookie)
	if err != nil {
		t.Fatal(err)
	}
	if got := f.Until.Sub(f.At); got != wire.ForecastAhead || !f.Expires.After(f.At) || len(f.Lines) == 0 {
		t.Fatalf("it looks %v ahead, with %d lines", got, len(f.Lines))
	}
	var named []wire.EntitlementID
	for _, line := range f.Lines {
		named = append(named, line.Entitlements...)
		at := f.At
		for _, s := range line.Spans {
			if !s.From.Equal(at) || !s.To.After(s.From) {
				t.Errorf("%v: a gap at %s", line.Entitlements, at.Format(time.RFC3339Nano))
			}
			at = s.To
		}
	}
	slices.Sort(named)
	if len(slices.Compact(named)) < 5 {
		t.Errorf("it is of %v", named)
	}
}
