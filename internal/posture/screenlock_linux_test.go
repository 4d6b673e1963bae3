package posture

import (
	"context"
	"testing"
	"testing/fstest"
)

func TestScreenLock(t *testing.T) {
	const gnome, idle = "org.gnome.desktop.screensaver lock-enabled", "org.gnome.desktop.session idle-delay"
	const kde, xfce = "home/ann/.config/kscreenlockerrc", "home/ann/.config/" + xfceScreensaver
	program := func(name string) fstest.MapFS {
		return fstest.MapFS{"proc/1/stat": file("1 (init) S 0"), "proc/77/stat": file("77 (" + name + ") S 1"), "proc/77/cmdline": file("/usr/bin/xfce4-screensaver\x00")}
	}
	with := func(root fstest.MapFS, name, text string) fstest.MapFS {
		root[name] = file(text)
		return root
	}
	for _, c := range []struct {
		name, desktop string
		root          fstest.MapFS
		settings      map[string]string
		want          string
	}{
		{"no desktop", "", fstest.MapFS{}, nil, "unknown"},
		{"GNOME", "ubuntu:GNOME", fstest.MapFS{}, map[string]string{gnome: "true\n", idle: "uint32 300\n"}, "on"},
		{"GNOME, off", "GNOME", fstest.MapFS{}, map[string]string{gnome: "false\n", idle: "uint32 300\n"}, "off"},
		{"GNOME, never idle", "GNOME", fstest.MapFS{}, map[string]string{gnome: "true", idle: "uint32 0"}, "off"},
		{"GNOME, forbidden", "GNOME", fstest.MapFS{}, map[string]string{gnome: "true", idle: "uint32 9", "org.gnome.desktop.lockdown disable-lock-screen": "true"}, "off"},
		{"GNOME without gsettings", "GNOME", fstest.MapFS{}, nil, "unknown"},
		{"GNOME that says half", "GNOME", fstest.MapFS{}, map[string]string{gnome: "true"}, "unknown"},
		{"Cinnamon", "X-Cinnamon", fstest.MapFS{}, map[string]string{"org.cinnamon.desktop.screensaver lock-enabled": "true", "org.cinnamon.desktop.session idle-delay": "uint32 900"}, "on"},
		{"MATE", "MATE", fstest.MapFS{}, map[string]string{"org.mate.screensaver idle-activation-enabled": "true", "org.mate.screensaver lock-enabled": "true", "org.mate.session idle-delay": "5"}, "on"},
		{"MATE, never idle", "MATE", fstest.MapFS{}, map[string]string{"org.mate.screensaver idle-activation-enabled": "false"}, "off"},
		{"KDE as installed", "KDE", fstest.MapFS{}, nil, "on"},
		{"KDE, off", "KDE", fstest.MapFS{kde: file("[Greeter]\nAutolock=true\n\n[Daemon]\nAutolock=false\n")}, nil, "off"},
		{"KDE, off by the system", "KDE", fstest.MapFS{"etc/xdg/kscreenlockerrc": file("[Daemon]\nAutolock=false\n")}, nil, "off"},
		{"KDE, the user's own", "KDE", fstest.MapFS{kde: file("[Daemon]\nAutolock=true\n"), "etc/xdg/kscreenlockerrc": file("[Daemon]\nAutolock=false\n")}, nil, "on"},
		{"KDE, fixed", "KDE", fstest.MapFS{kde: file("[Daemon]\nAutolock=false\n"), "etc/xdg/kscreenlockerrc": file("[Daemon][$i]\nAutolock=true\n")}, nil, "on"},
		{"Xfce as installed", "XFCE", program("xfce4-screensav"), nil, "on"},
		{"Xfce", "XFCE", with(program("xfce4-screensav"), xfce, `<?xml version="1.0"?><channel name="xfce4-screensaver" version="1.0"><property name="lock" type="empty"><property name="enabled" type="bool" value="true"/></property></channel>`), nil, "on"},
		{"Xfce, off", "XFCE", with(program("xfce4-screensav"), xfce, `<channel name="xfce4-screensaver" version="1.0"><property name="lock" type="empty"><property name="enabled" type="bool" value="false"/></property></channel>`), nil, "off"},
		{"Xfce, unreadable", "XFCE", with(program("xfce4-screensav"), xfce, `<channel name="x"><property`), nil, "unknown"},
		{"Xfce without a locker", "XFCE", program("xfwm4"), nil, "unknown"},
		{"light-locker", "XFCE", program("light-locker"), map[string]string{"apps.light-locker lock-after-screensaver": "uint32 5"}, "on"},
		{"light-locker, off", "XFCE", program("light-locker"), map[string]string{"apps.light-locker lock-after-screensaver": "uint32 0"}, "off"},
		{"XScreenSaver as installed", "i3", program("xscreensaver"), nil, "off"},
		{"XScreenSaver", "", with(program("xscreensaver"), "home/ann/.xscreensaver", "mode:\tone\nlock:\tTrue\n"), nil, "on"},
		{"XScreenSaver, switched off", "", with(program("xscreensaver"), "home/ann/.xscreensaver", "lock:\tTrue\nmode:\toff\n"), nil, "off"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := here(c.root)
			env := map[string]string{"XDG_CURRENT_DESKTOP": c.desktop, "HOME": "/home/ann"}
			m.getenv = func(key string) string { return env[key] }
			m.settings = func(_ context.Context, schema, key string) (string, bool) {
				v, ok := c.settings[schema+" "+key]
				return v, ok
			}
			if got := verdict(m.screenLock(t.Context())); got != c.want {
				t.Errorf("the screen lock is %s, want %s", got, c.want)
			}
		})
	}
}

func TestConfigFolder(t *testing.T) {
	m := here(nil)
	m.getenv = func(key string) string {
		return map[string]string{"HOME": "/home/ann", "XDG_CONFIG_HOME": "/conf"}[key]
	}
	if got := m.config("dconf/user"); got != "/conf/dconf/user" {
		t.Errorf("the settings lie in %s", got)
	}
}

func FuzzScreenLock(f *testing.F) {
	f.Add("[Daemon]\nAutolock=false\n")
	f.Add("lock: True\nmode: off\n")
	f.Add("uint32 300")
	f.Add(`<channel name="x"><property name="lock"><property name="enabled" value="false"/></property></channel>`)
	f.Fuzz(func(t *testing.T, s string) {
		kdeLock(s, s)
		xscreensaverLock(s)
		parseSetting(s)
		if locks, known := xfceLock([]byte(s)); locks && !known {
			t.Errorf("%q locks, though it cannot be read", s)
		}
	})
}
