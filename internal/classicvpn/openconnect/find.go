package openconnect

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/tidegate/tidegate/session"
)

// administrators' are the places for programs that a user's $PATH often lacks.
var administrators = []string{"/usr/sbin", "/usr/local/sbin", "/sbin"}

// Find finds openconnect in the places for programs ($PATH, then those for the
// administrator's), and asks it for its version. It is ErrAbsent where there is none.
// Elsewhere than on Linux nothing is driven yet, which the error says.
func Find() (Engine, error) {
	if runtime.GOOS != "linux" {
		return Engine{}, fmt.Errorf("classic VPNs cannot be connected from here on %s yet", runtime.GOOS)
	}
	path, ok := look(append(filepath.SplitList(os.Getenv("PATH")), administrators...))
	if !ok {
		return Engine{}, ErrAbsent
	}
	return open(path)
}

// look finds the program in the first place that has it.
func look(places []string) (string, bool) {
	for _, dir := range places {
		if !filepath.IsAbs(dir) {
			continue // what is run is not to depend on where we are
		}
		path := filepath.Join(dir, "openconnect")
		if i, err := os.Stat(path); err == nil && i.Mode().IsRegular() && i.Mode()&0o111 != 0 {
			return path, true
		}
	}
	return "", false
}

// open asks the program at path for its version.
func open(path string) (Engine, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c := exec.CommandContext(ctx, path, "--version")
	c.Env = environment(os.Environ())
	var out bytes.Buffer
	c.Stdout, c.WaitDelay = &out, time.Second
	if err := c.Run(); err != nil {
		return Engine{}, fmt.Errorf("ask %s for its version: %w", path, err)
	}
	e := version(out.String())
	if e.Version == "" {
		return Engine{}, fmt.Errorf("ask %s for its version: it does not say one", path)
	}
	e.Path = path
	return e, nil
}

// version reads what openconnect says of itself.
func version(out string) (e Engine) {
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		if v, ok := strings.CutPrefix(line, "OpenConnect version v"); ok && e.Version == "" {
			if v, _, _ = strings.Cut(v, " "); len(v) <= 40 {
				e.Version = clean(v, 40)
			}
		}
		if list, ok := strings.CutPrefix(line, "Supported protocols: "); ok {
			for p := range strings.SplitSeq(list, ",") {
				p, _, _ = strings.Cut(strings.TrimSpace(p), " ")
				e.Protocols = append(e.Protocols, session.VPNProtocol(p))
			}
		}
	}
	return e
}

// since are the versions of openconnect that first spoke a protocol.
var since = map[session.VPNProtocol][2]int{
	session.VPNAnyConnect:    {8, 0}, // which first knows the pins that we use
	session.VPNJuniper:       {8, 0},
	session.VPNGlobalProtect: {8, 0},
	session.VPNPulse:         {8, 4},
	session.VPNFortinet:      {9, 0},
	session.VPNF5:            {9, 0},
}

// Speaks says why p cannot be spoken, as a *Failure whose Detail names the version
// that is needed and the one that is here; nil: it can.
func (e Engine) Speaks(p session.VPNProtocol) error {
	if e.Path == "" {
		return failed(session.VPNNoEngine, "")
	}
	need, ok := since[p]
	if !ok {
		return failed(session.VPNFailed, fmt.Sprintf("%q is no protocol that Tidegate knows", clean(string(p), 40)))
	}
	if !e.atLeast(need) {
		return failed(session.VPNOldEngine, fmt.Sprintf("openconnect %s is installed; %s needs %d.%02d or newer", e.Version, p.Name(), need[0], need[1]))
	}
	for _, q := range e.Protocols {
		if q == p {
			return nil
		}
	}
	if len(e.Protocols) > 0 {
		return failed(session.VPNOldEngine, fmt.Sprintf("openconnect %s is installed, without %s; %d.%02d or newer has it unless its builder left it out", e.Version, p.Name(), need[0], need[1]))
	}
	return nil
}

// atLeast says whether the engine's version ("9.01-3") is that or newer; one that
// cannot be read is not.
func (e Engine) atLeast(need [2]int) bool {
	major, rest, _ := strings.Cut(e.Version, ".")
	end := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
	if end >= 0 {
		rest = rest[:end]
	}
	a, err := strconv.Atoi(major)
	if err != nil {
		return false
	}
	b, err := strconv.Atoi(rest)
	if err != nil {
		return false
	}
	return a > need[0] || a == need[0] && b >= need[1]
}
