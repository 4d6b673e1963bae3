package gather

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"strings"

	"github.com/tidegate/tidegate/app/diag"
)

// proxyNames are the variables that programs find their proxies by, known are the
// others that matter here. No other is read.
var (
	proxyNames = []string{"http_proxy", "https_proxy", "all_proxy", "no_proxy"}
	known      = []string{"XDG_CURRENT_DESKTOP", "XDG_SESSION_TYPE", "XDG_RUNTIME_DIR", "DESKTOP_SESSION", "DISPLAY", "WAYLAND_DISPLAY", "LANG", "LC_ALL", "TZ",
		"TIDEGATE_PROFILE", "TIDEGATE_NETWORK", "TIDEGATE_HELPER_SOCKET", "TIDEGATE_LOG"}
)

// proxies tells of those in the environment, which Tidegate does not use.
func (r *run) proxies(context.Context) found {
	var set []string
	for _, name := range proxyNames {
		for _, n := range []string{name, strings.ToUpper(name)} {
			if v := r.Getenv(n); v != "" {
				set = append(set, n+"="+withoutLogin(v))
			}
		}
	}
	c := check{id: "proxies", title: say("Proxies"), outcome: diag.Good, text: say("The environment names none.")}
	if len(set) > 0 {
		c.text = say("The environment names %s. Tidegate goes past them, straight to the controller and the gateways.", strings.Join(set, ", "))
		if name := r.state.Local.Proxy; name.IsValid() {
			c.text = c.text.and(say("Programs that use them reach your applications only where no_proxy names these."))
		}
	}
	return found{checks: []check{c}}
}

// withoutLogin leaves out who signs in to a proxy: programs take an address without
// a scheme too, and passwords with any sign in them.
func withoutLogin(proxy string) string {
	at := strings.LastIndexByte(proxy, '@')
	if at < 0 {
		return proxy
	}
	scheme, _, ok := strings.Cut(proxy[:at], "://")
	if !ok {
		return "[removed]" + proxy[at:]
	}
	return scheme + "://[removed]" + proxy[at:]
}

// desktop tells of the session that this runs in.
func (r *run) desktop() string {
	var b strings.Builder
	b.WriteString("\n# environment\n")
	for _, name := range known {
		if v := r.Getenv(name); v != "" {
			fmt.Fprintf(&b, "%s=%s\n", name, v)
		}
	}
	return b.String()
}

// buildText says what the program was built from.
func buildText() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	var b strings.Builder
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			fmt.Fprintf(&b, "revision %.12s\n", s.Value)
		case "vcs.time", "vcs.modified", "-tags", "-buildmode":
			fmt.Fprintf(&b, "%s %s\n", s.Key, s.Value)
		}
	}
	return b.String()
}

// systemText says which system this is.
func systemText() string {
	var b strings.Builder
	if text, err := os.ReadFile("/etc/os-release"); err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, _ := strings.Cut(strings.TrimSpace(line), "="); name == "PRETTY_NAME" {
				fmt.Fprintf(&b, "system %s\n", strings.Trim(value, `"`))
			}
		}
	}
	if text, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		fmt.Fprintf(&b, "kernel %s\n", strings.TrimSpace(string(text)))
	}
	return b.String()
}
