package posture

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// scriptOf declares a shell script.
func scriptOf(t *testing.T, as, body string) wire.Gather {
	t.Helper()
	text := "#!/bin/sh\n" + body + "\n"
	path := filepath.Join(t.TempDir(), "claim")
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(text))
	return wire.Gather{Name: "x", Kind: wire.GatherScript, Path: path, SHA256: hex.EncodeToString(sum[:]), Type: as}
}

func TestScript(t *testing.T) {
	user := fmt.Sprint(os.Getuid())
	home, _ := os.UserHomeDir()
	if os.Getuid() == 0 {
		user, home = "65534", "/nonexistent" // root runs them as nobody
	}
	for _, c := range []struct {
		name, as, body string
		want           any // a text that begins with "error: " is the error's part
	}{
		{"bool", "bool", "echo true", true},
		{"int", "int", "echo 7; echo 8", int64(7)},
		{"string", "string", "echo '  two words '", "two words"},
		{"its user", "string", "id -u", user},
		{"its groups", "string", "[ $(id -u) = 65534 ] && id -G || echo 65534", "65534"},
		{"no new privileges", "string", "grep NoNewPrivs /proc/self/status | tr -d '\\t'", "NoNewPrivs:1"},
		{"its environment", "string", "env | grep -v -e ^PWD= -e ^PATH= | sort | tr '\\n' ' '", "HOME=" + home + " LANG=C"},
		{"its folder", "string", "pwd", "/"},
		{"no input", "string", "cat; readlink /proc/self/fd/0", "/dev/null"},
		{"no arguments", "int", "echo $#", int64(0)},
		{"cannot change itself", "string", "if echo rm >>/proc/self/fd/3; then echo changed; else echo kept; fi 2>/dev/null", "kept"},
		{"exits 1", "bool", "echo true; exit 1", "error: exit status 1"},
		{"is killed", "bool", "echo true; kill -9 $$", "error: signal: killed"},
		{"prints a megabyte", "string", "head -c 1000000 /dev/zero | tr '\\0' x", "error: more than 4096 bytes"},
		{"prints for ever", "string", "yes", "error: more than 4096 bytes"},
		{"prints the wrong type", "int", "echo many", "error: whole number"},
		{"prints nothing", "bool", "true", "error: print true or false"},
		{"leaves a child behind", "string", "echo done; sleep 1000 &", "done"},
		{"lets a child go", "string", "echo done; setsid sleep 0.5 &", "done"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := script(t.Context(), scriptOf(t, c.as, c.body))
			if text, ok := c.want.(string); ok && strings.HasPrefix(text, "error: ") {
				if err == nil || !strings.Contains(err.Error(), strings.TrimPrefix(text, "error: ")) {
					t.Errorf("got %#v and error %v, want %s", got, err, text)
				}
			} else if err != nil || got != c.want {
				t.Errorf("got %#v and error %v, want %#v", got, err, c.want)
			}
		})
	}
}

func TestScriptRefused(t *testing.T) {
	good := scriptOf(t, "bool", "echo true")
	for _, c := range []struct {
		name   string
		change func(*wire.Gather)
		want   string
	}{
		{"another digest", func(g *wire.Gather) { g.SHA256 = strings.Repeat("0", 64) }, "not what the administrator declared"},
		{"no digest", func(g *wire.Gather) { g.SHA256 = "" }, "not what the administrator declared"},
		{"no file", func(g *wire.Gather) { g.Path += "x" }, "no such file"},
		{"a folder", func(g *wire.Gather) { g.Path = filepath.Dir(g.Path) }, "not a regular file"},
		{"a device", func(g *wire.Gather) { g.Path = "/dev/null" }, "not executable"},
		{"a relative path", func(g *wire.Gather) { g.Path = "claim" }, "not an absolute path"},
		{"no type", func(g *wire.Gather) { g.Type = "" }, "not a type"},
		{"not executable", func(g *wire.Gather) { os.Chmod(g.Path, 0o600) }, "not executable"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := good
			c.change(&g)
			if v, err := script(t.Context(), g); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v and error %v, want %q", v, err, c.want)
			}
		})
	}
}

// TestScriptIsWhatWasChecked writes to the file, in place, after its check.
func TestScriptIsWhatWasChecked(t *testing.T) {
	g := scriptOf(t, "string", "echo checked")
	program, err := sealed(t.Context(), g)
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	if err := os.WriteFile(g.Path, []byte("#!/bin/sh\necho swapped\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := execute(t.Context(), program); err != nil || string(out) != "checked\n" {
		t.Errorf("it printed %q, error %v", out, err)
	}
}

func TestProgramThatIsNoScript(t *testing.T) {
	text, err := os.ReadFile("/bin/hostname")
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(text)
	host, _ := os.Hostname()
	got, err := script(t.Context(), wire.Gather{Path: "/bin/hostname", SHA256: hex.EncodeToString(sum[:]), Type: "string"})
	if err != nil || got != host {
		t.Errorf("got %v and error %v, want %s", got, err, host)
	}
}

// TestScriptHangs ends a script at its time with its children, and has the
// other claims found out meanwhile.
func TestScriptHangs(t *testing.T) {
	t.Parallel()
	mark := fmt.Sprintf("%d.25", 100000+os.Getpid())
	hangs := scriptOf(t, "bool", "sleep "+mark+" & sleep "+mark+"; echo true")
	hangs.Timeout = wire.Duration(time.Second)
	good := scriptOf(t, "bool", "echo true")
	good.Name = "good"
	w := New(Options{Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	w.Declare([]wire.Gather{hangs, good})
	done := make(chan wire.DeviceClaims)
	began := time.Now()
	go func() { done <- w.Collect(t.Context()) }()
	until(t, "both children run", func() bool { return withArgument(mark) == 2 })
	c := <-done
	if _, ok := c["x"]; ok || c["good"] != true {
		t.Errorf("claims %v", c)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	until(t, "both children have ended", func() bool { return withArgument(mark) == 0 })
}

// withArgument counts the processes that were started with an argument.
func withArgument(arg string) int {
	n := 0
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, f := range files {
		if line, _ := os.ReadFile(f); strings.HasPrefix(string(line), "sleep\x00"+arg) {
			n++
		}
	}
	return n
}

// until waits for something of the machine's own, for ten seconds at most.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not in ten seconds: %s", what)
		}
	}
}
