//go:build linux

package desktop

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
)

const watcherName = "org.kde.StatusNotifierWatcher"

// startPanel starts the panel and, before it, the service that the panel has
// its settings from.
func (d *Desktop) startPanel(ctx context.Context) error {
	path, err := settingsService()
	if err != nil {
		return err
	}
	settings, _, err := d.launch(ctx, spec{name: path})
	if err != nil {
		return err
	}
	if err := d.waitName(ctx, settings, "org.xfce.Xfconf", true); err != nil {
		return err
	}
	return d.StartPanel(ctx)
}

// StartPanel starts the panel, whose tray is the StatusNotifier host, after
// [Desktop.StopPanel].
func (d *Desktop) StartPanel(ctx context.Context) error {
	p, _, err := d.launch(ctx, spec{name: "xfce4-panel", args: []string{"--disable-wm-check"}})
	if err != nil {
		return err
	}
	return d.waitName(ctx, p, watcherName, true)
}

// StopPanel ends the panel: the desktop has no tray any more.
func (d *Desktop) StopPanel(ctx context.Context) error {
	p := d.program("xfce4-panel")
	if p == nil {
		return errors.New("stop the panel: it does not run")
	}
	d.forget(p)
	p.stop()
	return d.waitName(ctx, p, watcherName, false)
}

// settingsService is the path of xfconfd, which lies where each system likes.
func settingsService() (string, error) {
	const file = "/usr/share/dbus-1/services/org.xfce.Xfconf.service"
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("start the panel: xfconf is not installed, packaging/deps.sh does that: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		if path, ok := strings.CutPrefix(strings.TrimSpace(line), "Exec="); ok {
			return path, nil
		}
	}
	return "", fmt.Errorf("start the panel: %s names no program", file)
}
