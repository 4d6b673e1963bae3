//go:build linux

package desktop

import (
	"cmp"
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

//go:embed config
var config embed.FS

// seeds says where each file of the folder config goes. They are templates of
// the Go kind, given the folder's paths.
var seeds = map[string]string{
	"session.conf":    "session.conf",
	"rc.xml":          "config/openbox/rc.xml",
	"themerc":         "data/themes/Harness/openbox-3/themerc",
	"dunstrc":         "config/dunst/dunstrc",
	"gtk.css":         "config/gtk-3.0/gtk.css",
	"settings.ini":    "config/gtk-3.0/settings.ini",
	"xfce4-panel.xml": "config/xfce4/xfconf/xfce-perchannel-xml/xfce4-panel.xml",
}

// inherited are the variables of the caller that a program under test needs:
// to be found, and for Go's coverage, race detector and crash reports.
var inherited = []string{"PATH", "TZ", "TERM", "GOCOVERDIR", "GORACE", "GOTRACEBACK", "GODEBUG", "GOMAXPROCS"}

// longest path of a Unix socket, less what gnome-keyring adds below run.
const longest = 107 - len("/run/keyring/control")

// plant makes the folders and the configuration of all programs.
func (t tree) plant() error {
	if len(t) > longest {
		return fmt.Errorf("make the desktop's folder: the path %s has %d bytes, and sockets in it allow %d: choose a shorter Options.Dir",
			string(t), len(t), longest)
	}
	for _, name := range []string{"home", "config", "data", "cache", "state", "run", "log", "tmp"} {
		if err := os.Mkdir(t.path(name), 0o700); err != nil {
			return fmt.Errorf("make the desktop's folder: %w", err)
		}
	}
	all, err := template.ParseFS(config, "config/*")
	if err != nil {
		return fmt.Errorf("read the desktop's configuration: %w", err)
	}
	for name, to := range seeds {
		var text strings.Builder
		if err := all.ExecuteTemplate(&text, name, map[string]string{"Socket": t.busSocket()}); err != nil {
			return fmt.Errorf("write the desktop's configuration: %w", err)
		}
		path := t.path(to)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return fmt.Errorf("write the desktop's configuration: %w", err)
		}
		if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
			return fmt.Errorf("write the desktop's configuration: %w", err)
		}
	}
	return nil
}

func (t tree) busSocket() string { return t.path("run", "bus") }

// environment of every program of the desktop; the display adds DISPLAY.
func (t tree) environment() []string {
	env := []string{
		"HOME=" + t.path("home"),
		"XDG_CONFIG_HOME=" + t.path("config"),
		"XDG_DATA_HOME=" + t.path("data"),
		"XDG_CACHE_HOME=" + t.path("cache"),
		"XDG_STATE_HOME=" + t.path("state"),
		"XDG_RUNTIME_DIR=" + t.path("run"),
		"TMPDIR=" + t.path("tmp"),
		"DBUS_SESSION_BUS_ADDRESS=unix:path=" + t.busSocket(),
		"XDG_SESSION_TYPE=x11",
		"XDG_SESSION_ID=" + filepath.Base(string(t)), // none that may be locked meanwhile
		"LANG=C.UTF-8",
		"LIBGL_ALWAYS_SOFTWARE=1",
		"NO_AT_BRIDGE=1", // there is no accessibility bus to wait for
	}
	for _, key := range inherited {
		value := os.Getenv(key)
		if key == "PATH" {
			value = cmp.Or(value, "/usr/local/bin:/usr/bin:/bin")
		}
		if value != "" {
			env = append(env, key+"="+value)
		}
	}
	return env
}
