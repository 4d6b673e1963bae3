// Package autostart has the client start when its user signs in to the desktop,
// as the XDG autostart specification has it: a file of the user's counts before one
// of the system's with the same name, and hides it.
//
// The command line calls it. It writes one file of the user's and keeps no state;
// it is safe for concurrent use as far as that file is.
package autostart

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/tidegate/tidegate/app/profile"
	"github.com/tidegate/tidegate/internal/wholefile"
)

// unit is the systemd user unit that the package ships, for those who have it
// started that way.
const unit = "tidegate.service"

// Entry is a profile's autostart entry. Make it with Of.
type Entry struct {
	user    string   // the user's file
	system  []string // the system's, the first counts
	units   []string // where an enabled systemd unit is linked
	program []string
}

// Of is the entry that starts a program for a profile. It reads the environment.
func Of(p profile.Profile, program string) Entry {
	name, config := "org.tidegate.Tidegate", filepath.Dir(p.Config)
	e := Entry{program: []string{program}}
	if p.Name != "" {
		name += "." + p.Name
		e.program = append(e.program, "--profile", p.Name)
	} else {
		for _, dir := range []string{config, "/etc"} {
			e.units = append(e.units, filepath.Join(dir, "systemd/user/graphical-session.target.wants", unit))
		}
	}
	e.user = filepath.Join(config, "autostart", name+".desktop")
	dirs := os.Getenv("XDG_CONFIG_DIRS")
	if dirs == "" {
		dirs = "/etc/xdg"
	}
	for _, dir := range filepath.SplitList(dirs) {
		if filepath.IsAbs(dir) {
			e.system = append(e.system, filepath.Join(dir, "autostart", name+".desktop"))
		}
	}
	return e
}

// On says whether the client starts with the desktop.
func (e Entry) On() (bool, error) {
	if e.unit() != "" {
		return true, nil
	}
	for _, file := range append([]string{e.user}, e.system...) {
		on, err := starts(file)
		if !errors.Is(err, fs.ErrNotExist) {
			return on, err
		}
	}
	return false, nil
}

// unit is the link that has systemd start the client; empty for none.
func (e Entry) unit() string {
	for _, link := range e.units {
		if _, err := os.Lstat(link); err == nil {
			return link
		}
	}
	return ""
}

// Set has the client start with the desktop, or no longer. It leaves a systemd
// unit alone, and says so.
func (e Entry) Set(on bool) error {
	if is, err := e.On(); err != nil || is == on {
		return err
	}
	if link := e.unit(); link != "" {
		return fmt.Errorf("systemd starts it, by %s; run: systemctl --user disable %s", link, strings.TrimSuffix(unit, ".service"))
	}
	// Without a file of the user's, the system's counts.
	if err := os.Remove(e.user); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the autostart file: %w", err)
	}
	if is, err := e.On(); err != nil || is == on {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(e.user), 0o755); err != nil {
		return fmt.Errorf("make the autostart folder: %w", err)
	}
	if err := wholefile.Replace(e.user, e.file(on)); err != nil {
		return fmt.Errorf("write the autostart file: %w", err)
	}
	return nil
}

// file is what the user's file holds.
func (e Entry) file(on bool) []byte {
	var b bytes.Buffer
	b.WriteString("[Desktop Entry]\nVersion=1.4\nType=Application\nName=Tidegate\nIcon=org.tidegate.Tidegate\nTerminal=false\nStartupNotify=false\n")
	var words []string
	for _, w := range e.program {
		words = append(words, quote(w))
	}
	fmt.Fprintf(&b, "Exec=%s\nHidden=%v\n", strings.Join(words, " "), !on)
	return b.Bytes()
}

// quote writes an argument of Exec, see the desktop entry specification, "The Exec
// key": quoted, and then escaped as any string.
func quote(arg string) string {
	arg = strings.ReplaceAll(arg, "%", "%%")
	if !strings.ContainsAny(arg, " \t\n\"'\\><~|&;$*?#()`") {
		return arg
	}
	arg = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "`", "\\`", `$`, `\$`).Replace(arg)
	return `"` + strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\t", `\t`).Replace(arg) + `"`
}

// starts says whether a desktop entry starts what it is for.
func starts(file string) (bool, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return false, fmt.Errorf("read the autostart file: %w", err)
	}
	on, entry := true, false
	for lines := bufio.NewScanner(bytes.NewReader(b)); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		if strings.HasPrefix(line, "[") {
			entry = line == "[Desktop Entry]"
			continue
		}
		key, value, _ := strings.Cut(line, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if entry && (key == "Hidden" && value == "true" || key == "X-GNOME-Autostart-enabled" && value == "false") {
			on = false
		}
	}
	return on, nil
}
