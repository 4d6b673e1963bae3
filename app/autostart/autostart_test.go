package autostart

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/app/profile"
)

// place is a user's and a system's configuration.
func place(t *testing.T, name string) (e Entry, user, system string) {
	t.Helper()
	home, etc := t.TempDir(), t.TempDir()
	t.Setenv("XDG_CONFIG_DIRS", "relative:"+etc)
	e = Of(profile.Profile{Name: name, Config: filepath.Join(home, "tidegate")}, "/opt/My Tide$gate/100%/tidegate")
	if name == "" {
		e.units = e.units[:1] // this machine's own is nobody's business
	}
	id := "org.tidegate.Tidegate.desktop"
	if name != "" {
		id = "org.tidegate.Tidegate." + name + ".desktop"
	}
	return e, filepath.Join(home, "autostart", id), filepath.Join(etc, "autostart", id)
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestSet(t *testing.T) {
	const on, hidden = "[Desktop Entry]\nExec=tidegate\n[Other]\nHidden=true\n", "[Desktop Entry]\nExec=tidegate\n Hidden = true\n"
	for _, tt := range []struct {
		name, user, system string
		is, leavesFile     bool // and whether a file of the user's is left, once it was turned over
	}{
		{"nothing", "", "", false, true},
		{"the package's", "", on, true, true},
		{"the package's, hidden by the user", hidden, on, false, false},
		{"the package's, turned off in a desktop", "[Desktop Entry]\nX-GNOME-Autostart-enabled=false\n", on, false, false},
		{"the package's, hidden there", "", hidden, false, true},
		{"the user's alone", on, "", true, false},
		{"the user's, hidden, alone", hidden, "", false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e, user, system := place(t, "")
			for file, text := range map[string]string{user: tt.user, system: tt.system} {
				if text != "" {
					write(t, file, text)
				}
			}
			if is, err := e.On(); err != nil || is != tt.is {
				t.Fatalf("on: %v, %v", is, err)
			}
			for _, want := range []bool{tt.is, !tt.is, !tt.is} { // what is so already changes nothing
				if err := e.Set(want); err != nil {
					t.Fatal(err)
				}
				if is, err := e.On(); err != nil || is != want {
					t.Fatalf("set to %v it is %v, %v", want, is, err)
				}
			}
			if _, err := os.Stat(user); (err == nil) != tt.leavesFile {
				t.Errorf("the user's file: %v", err)
			}
		})
	}
}

func TestSystemd(t *testing.T) {
	e, user, _ := place(t, "")
	write(t, e.units[0], "")
	if on, err := e.On(); err != nil || !on {
		t.Fatalf("on: %v, %v", on, err)
	}
	if err := e.Set(false); err == nil || !strings.Contains(err.Error(), "systemctl --user disable tidegate") {
		t.Errorf("turned off: %v", err)
	}
	if _, err := os.Stat(user); err == nil {
		t.Error("it wrote a file of the user's")
	}
}

// The file is one that desktops read, and starts this very program.
func TestFileIsValid(t *testing.T) {
	e, user, _ := place(t, "work")
	if err := e.Set(true); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("desktop-file-validate", user).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("desktop-file-validate: %v\n%s", err, out)
	}
	b, err := os.ReadFile(user)
	if err != nil {
		t.Fatal(err)
	}
	if want := `Exec="/opt/My Tide\\$gate/100%%/tidegate" --profile work` + "\n"; !strings.Contains(string(b), want) {
		t.Errorf("no %q in:\n%s", want, b)
	}
}
