package app

import (
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"syscall"
)

// opener is the desktop's program that opens a URL in the user's browser. The browser
// outlives us: it gets a session of its own and, where we are a service of systemd's, as
// everything is that a desktop starts by itself, a scope beside us. In our own unit it
// would be killed when we end, and we when it takes too much memory (systemd.service(5),
// KillMode= and OOMPolicy=). The journal has the description, and not the URL.
func opener(u string) *exec.Cmd {
	c := exec.Command("xdg-open", u)
	if run, err := exec.LookPath("systemd-run"); err == nil && c.Err == nil && ofService() {
		c = exec.Command(run, "--user", "--scope", "--collect", "--quiet", "--slice=app.slice", "--description=Tidegate: open in the browser", "--", c.Path, u)
	}
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return c
}

// ofService tells whether we are of a service of the user's systemd, and that answers.
func ofService() bool {
	groups, err := os.ReadFile("/proc/self/cgroup")
	if err != nil || !userService(string(groups)) {
		return false
	}
	_, err = os.Stat(filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "systemd/private"))
	return err == nil
}

// userService tells whether the groups (cgroups(7), /proc/PID/cgroup) are those of a
// service of a user's systemd.
func userService(groups string) bool {
	for line := range strings.Lines(groups) {
		_, rest, _ := strings.Cut(line, ":")
		controllers, group, _ := strings.Cut(strings.TrimSuffix(rest, "\n"), ":")
		if controllers != "" && controllers != "name=systemd" {
			continue
		}
		if strings.HasSuffix(group, ".service") && strings.Contains(path.Dir(group), "/user@") {
			return true
		}
	}
	return false
}
