// Package profile says where one instance of the client keeps what is its own:
// its configuration, its socket, its notes and its keychain items. A profile with a name
// is a client beside the user's everyday one, for a second organisation, a
// demonstration or a test; nothing is shared between two.
//
// Tray process, window process and command line find each other by it. It
// reads the environment and makes folders; its values are immutable.
package profile

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// Env is the environment variable that names the profile where no flag does.
const Env = "TIDEGATE_PROFILE"

// MaxName is the length in bytes of the longest name: a socket's path is short.
const MaxName = 24

// Profile is one instance's places. Make it with Open.
type Profile struct {
	// Name is empty for the everyday profile.
	Name string
	// Config is $XDG_CONFIG_HOME/tidegate[-NAME], for what outlives a session
	// and is no secret. It is made by whoever writes there.
	Config string
	// Runtime is a folder that the user alone can enter, for the socket.
	Runtime string
	// State is $XDG_STATE_HOME/tidegate[-NAME], for what the program notes of its
	// own running. It is made by whoever writes there.
	State string
}

// Open finds the places of a profile and makes its runtime folder. It fails
// for a name with anything but a-z, 0-9 and '-' in it, and for a runtime
// folder that somebody else could have prepared or can enter.
func Open(name string) (Profile, error) {
	if err := check(name); err != nil {
		return Profile{}, err
	}
	folder := "tidegate"
	if name != "" {
		folder += "-" + name
	}
	config, err := os.UserConfigDir()
	if err != nil {
		return Profile{}, fmt.Errorf("find the configuration folder: %w; set HOME or XDG_CONFIG_HOME", err)
	}
	p := Profile{Name: name, Config: filepath.Join(config, folder)}
	if p.State, err = state(folder); err != nil {
		return Profile{}, err
	}
	if run := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(run) {
		p.Runtime = filepath.Join(run, folder)
		return p, private(p.Runtime)
	}
	base := filepath.Join(os.TempDir(), "tidegate-runtime-"+strconv.Itoa(os.Getuid()))
	if err := private(base); err != nil {
		return Profile{}, err
	}
	p.Runtime = filepath.Join(base, folder)
	return p, private(p.Runtime)
}

// state is where the XDG Base Directory Specification has such things.
func state(folder string) (string, error) {
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, folder), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find the folder for state: %w; set HOME or XDG_STATE_HOME", err)
	}
	return filepath.Join(home, ".local", "state", folder), nil
}

func check(name string) error {
	if len(name) > MaxName {
		return fmt.Errorf("the profile name %.30q is longer than %d characters; choose a shorter one", name, MaxName)
	}
	for i, r := range name {
		if alnum := r >= 'a' && r <= 'z' || r >= '0' && r <= '9'; !alnum && (r != '-' || i == 0) {
			return fmt.Errorf("the profile name %q has %q in it; use a-z, 0-9 and '-'", name, r)
		}
	}
	return nil
}

// private makes a folder for this user alone, and accepts one that exists
// only if it is one: a link, another's folder or an open one is refused.
func private(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil && !os.IsExist(err) {
		return fmt.Errorf("make the runtime folder: %w; set XDG_RUNTIME_DIR to a folder of yours", err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("look at the runtime folder: %w", err)
	}
	if !info.IsDir() || !owned(info) {
		return fmt.Errorf("%s is not your own folder: somebody else has put it there; remove it, or set XDG_RUNTIME_DIR to a folder of yours", dir)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%s can be entered by others; run: chmod 700 %s", dir, dir)
	}
	return nil
}

// Keychain is the service name of the profile's keychain items.
func (p Profile) Keychain() string {
	if p.Name == "" {
		return "org.tidegate.Tidegate"
	}
	return "org.tidegate.Tidegate." + p.Name
}

// Socket is the path of the instance's socket.
func (p Profile) Socket() string { return filepath.Join(p.Runtime, "socket") }

// Activity is the path of the file of what happened.
func (p Profile) Activity() string { return filepath.Join(p.State, "activity.jsonl") }

// Lock is the path of the file that the running instance holds locked.
func (p Profile) Lock() string { return filepath.Join(p.Runtime, "lock") }
