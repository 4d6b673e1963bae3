package posture

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// lockers are the programs that lock a screen where the desktop does not.
var lockers = []string{"xfce4-screensaver", "light-locker", "xscreensaver"}

// screenLock says whether the desktop locks itself when nobody uses it, as it
// is set. Unknown for a desktop that is not known, or where none runs.
func (m machine) screenLock(ctx context.Context) (locks, known bool) {
	for d := range strings.SplitSeq(m.getenv("XDG_CURRENT_DESKTOP"), ":") {
		switch d {
		case "GNOME", "Unity", "Budgie":
			return m.gnomeLock(ctx, "org.gnome.desktop", "lock-enabled", "org.gnome.desktop.session")
		case "X-Cinnamon":
			return m.gnomeLock(ctx, "org.cinnamon.desktop", "lock-enabled", "org.cinnamon.desktop.session")
		case "MATE":
			if on, known := m.setting(ctx, "org.mate.screensaver", "idle-activation-enabled"); on != "true" {
				return false, known
			}
			return m.gnomeLock(ctx, "org.mate", "lock-enabled", "org.mate.session")
		case "KDE":
			user, _ := readSmall(m.root, inRoot(m.config("kscreenlockerrc")))
			system, _ := readSmall(m.root, "etc/xdg/kscreenlockerrc")
			return kdeLock(string(user), string(system)), true
		}
	}
	return m.lockerLock(ctx)
}

// gnomeLock answers for GNOME and its kin: the lock must be on and allowed,
// and come after some time.
func (m machine) gnomeLock(ctx context.Context, prefix, enabled, session string) (locks, known bool) {
	on, ok := m.setting(ctx, prefix+".screensaver", enabled)
	if !ok || on != "true" {
		return false, ok
	}
	if off, _ := m.setting(ctx, prefix+".lockdown", "disable-lock-screen"); off == "true" {
		return false, true
	}
	delay, ok := m.setting(ctx, session, "idle-delay")
	return delay != "0", ok
}

// lockerLock answers for desktops that leave the lock to another program.
func (m machine) lockerLock(ctx context.Context) (locks, known bool) {
	seen := running(m.root, lockers)
	if on, _ := seen.has("xfce4-screensaver"); on {
		text, _ := readSmall(m.root, inRoot(m.config(xfceScreensaver)))
		return xfceLock(text)
	}
	if on, _ := seen.has("light-locker"); on {
		after, ok := m.setting(ctx, "apps.light-locker", "lock-after-screensaver")
		return after != "0", ok
	}
	if on, _ := seen.has("xscreensaver"); on {
		text, err := readSmall(m.root, inRoot(m.getenv("HOME")+"/.xscreensaver"))
		return err == nil && xscreensaverLock(string(text)), true
	}
	return false, false
}

const xfceScreensaver = "xfce4/xfconf/xfce-perchannel-xml/xfce4-screensaver.xml"

// lockFiles are what the settings are kept in.
func (m machine) lockFiles() []string {
	return []string{
		m.config("dconf/user"), m.config("kscreenlockerrc"), m.config(xfceScreensaver), "/etc/xdg/kscreenlockerrc",
		filepath.Join("/", m.getenv("HOME"), ".xscreensaver"),
	}
}

// config is a file of the user's settings.
func (m machine) config(name string) string {
	if dir := m.getenv("XDG_CONFIG_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, name)
	}
	return filepath.Join("/", m.getenv("HOME"), ".config", name)
}

// setting reads a value of GSettings without its type and quotes.
func (m machine) setting(ctx context.Context, schema, key string) (string, bool) {
	v, ok := m.settings(ctx, schema, key)
	return parseSetting(v), ok
}

// parseSetting reads a boolean, a number or a text in GVariant's text format.
func parseSetting(v string) string {
	v = strings.TrimSpace(v)
	if kind, number, ok := strings.Cut(v, " "); ok && (strings.HasPrefix(kind, "uint") || strings.HasPrefix(kind, "int")) {
		v = number
	}
	return strings.Trim(v, `'"`)
}

// gsettings asks the program of that name: what it answers is put together of
// binary files whose defaults differ by system.
func gsettings(ctx context.Context, schema, key string) (string, bool) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "gsettings", "get", schema, key)
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	return string(out), err == nil
}

// kdeLock reads kscreenlockerrc, the user's and the system's. KDE locks unless
// told otherwise; what the system's says with [$i] the user's cannot change.
func kdeLock(user, system string) bool {
	value, fixed := parseKDE(system)
	if own, _ := parseKDE(user); own != "" && !fixed {
		value = own
	}
	return !strings.EqualFold(value, "false")
}

// parseKDE returns Autolock of the group Daemon, and whether it is immutable.
func parseKDE(text string) (value string, fixed bool) {
	var in, all bool
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if group, ok := strings.CutPrefix(line, "["); ok {
			in, all = strings.HasPrefix(group, "Daemon]"), strings.HasSuffix(group, "][$i]")
			continue
		}
		k, v, _ := strings.Cut(line, "=")
		k, mark := strings.CutSuffix(strings.TrimSpace(k), "[$i]")
		if in && k == "Autolock" {
			value, fixed = strings.TrimSpace(v), mark || all
		}
	}
	return value, fixed
}

// xfceLock reads xfce4-screensaver's channel of xfconf: saver, its start when
// idle, the lock and its start with the saver, which are on by default.
func xfceLock(text []byte) (locks, known bool) {
	off := map[string]bool{}
	var path []string
	d := xml.NewDecoder(bytes.NewReader(text))
	for {
		token, err := d.Token()
		if token == nil {
			known = len(path) == 0 && errors.Is(err, io.EOF)
			break
		}
		switch t := token.(type) {
		case xml.StartElement:
			attributes := map[string]string{}
			for _, a := range t.Attr {
				attributes[a.Name.Local] = a.Value
			}
			path = append(path, attributes["name"])
			if attributes["value"] == "false" {
				off[strings.Join(path[1:], "/")] = true
			}
		case xml.EndElement:
			path = path[:len(path)-1]
		}
	}
	for _, key := range []string{"saver/enabled", "saver/idle-activation/enabled", "lock/enabled", "lock/saver-activation/enabled"} {
		if off[key] {
			return false, known
		}
	}
	return known, known
}

// xscreensaverLock reads ~/.xscreensaver, whose lock is off by default.
func xscreensaverLock(text string) (locks bool) {
	mode := ""
	for line := range strings.Lines(text) {
		switch k, v, _ := strings.Cut(line, ":"); strings.TrimSpace(k) {
		case "lock":
			locks = strings.EqualFold(strings.TrimSpace(v), "true")
		case "mode":
			mode = strings.TrimSpace(v)
		}
	}
	return locks && mode != "off"
}
