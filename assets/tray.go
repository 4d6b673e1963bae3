package assets

import (
	"embed"
	"fmt"
)

//go:embed tray/*.png
var trayFiles embed.FS

// The states of the tray icon. They differ by shape, not by colour alone: an
// outline, a shield with a wave, the same with a dot, a shield with a mark.
const (
	TrayInactive  = "inactive"
	TrayActive    = "active"
	TrayInUse     = "in-use"
	TrayAttention = "attention"
)

// TraySizes are the widths in pixels in which there are tray icons.
var TraySizes = []int{16, 22, 24, 32, 48, 64}

// TrayIcon returns the largest tray icon as a PNG, for a dark or a light
// panel; on the other kind its edge still shows it. An unknown state looks inactive.
func TrayIcon(state string, dark bool) []byte {
	return TrayIconSize(state, dark, TraySizes[len(TraySizes)-1])
}

// TrayIconSize returns the tray icon whose width is px or the next one above.
func TrayIconSize(state string, dark bool, px int) []byte {
	switch state {
	case TrayInactive, TrayActive, TrayInUse, TrayAttention:
	default:
		state = TrayInactive
	}
	panel := "light"
	if dark {
		panel = "dark"
	}
	size := TraySizes[len(TraySizes)-1]
	for _, s := range TraySizes {
		if s >= px {
			size = s
			break
		}
	}
	return embedded(trayFiles, fmt.Sprintf("tray/%s-%s-%d.png", state, panel, size)).Content()
}
