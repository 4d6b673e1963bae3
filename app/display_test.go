package app

import (
	"strings"
	"testing"
)

func TestWhyNoDisplay(t *testing.T) {
	for _, tt := range []struct {
		name, system, x11, wayland string
		want                       string // in the error; empty: none
	}{
		{"X11", "linux", ":0", "", ""},
		{"Wayland with XWayland", "linux", ":0", "wayland-0", ""},
		{"Wayland alone", "linux", "", "wayland-0", "XWayland"},
		{"no desktop", "linux", "", "", "no display"},
		{"Windows", "windows", "", "", ""},
		{"macOS", "darwin", "", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := noDisplay(tt.system, func(name string) string {
				return map[string]string{"DISPLAY": tt.x11, "WAYLAND_DISPLAY": tt.wayland}[name]
			})
			if (err == nil) != (tt.want == "") || err != nil && (!strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "tidegate help")) {
				t.Errorf("it says %v", err)
			}
		})
	}
}
