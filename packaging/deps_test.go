// Package packaging tests what lies in this folder: the scripts that install
// what is needed, against a machine of their own making; the files by which a
// desktop knows the client, with the desktop's own checkers; and the packages,
// which it makes, installs on a copy of this machine and removes.
package packaging

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// machine is a PATH on which the programs that would change this machine only
// write down what they were asked.
type machine struct {
	t   *testing.T
	dir string
}

// tools that deps.sh uses as they are.
var tools = []string{"bash", "env", "awk", "sed", "sort", "head", "tail", "grep", "mktemp", "rm", "printf", "cat", "dirname", "touch", "sleep"}

func newMachine(t *testing.T, programs map[string]string) *machine {
	t.Helper()
	m := &machine{t: t, dir: t.TempDir()}
	for _, name := range tools {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(m.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for name, body := range programs {
		text := "#!/bin/bash\nstate=" + m.dir + "\n" + body + "\n"
		if err := os.WriteFile(filepath.Join(m.dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// run runs deps.sh there, and returns all that it wrote and how it ended.
func (m *machine) run(arg ...string) (said string, code int) {
	m.t.Helper()
	cmd := exec.CommandContext(m.t.Context(), "./deps.sh", arg...)
	cmd.Env = []string{"PATH=" + m.dir, "TMPDIR=" + m.t.TempDir()}
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		m.t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// asked is what apt-get was asked for so far, one call a line.
func (m *machine) asked() string {
	text, err := os.ReadFile(filepath.Join(m.dir, "asked"))
	if err != nil && !os.IsNotExist(err) {
		m.t.Fatal(err)
	}
	return string(text)
}

// The programs of a machine that lacks curl and scrot until apt-get was asked.
const (
	dpkgQuery = `for p; do case $p in -*|*Package*) ;; curl|scrot) [ -e $state/done ] && echo "$p installed" ;; *) echo "$p installed" ;; esac; done; true`
	aptGet    = `echo "$DEBIAN_FRONTEND $*" >>$state/asked; case " $* " in *" install "*) touch $state/done ;; esac`
	aptCache  = `echo Package`
	root      = `echo 0`
	somebody  = `echo 1000`
)

func TestDeps(t *testing.T) {
	const options = "-q -y -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 "
	const install = "noninteractive " + options + "install --no-install-recommends scrot curl\n"
	const update = "noninteractive " + options + "update\n"
	tests := []struct {
		name     string
		programs map[string]string
		arg      []string
		code     int
		says     []string // in this order
		asked    string
	}{
		{
			name:     "installs only what is missing, and says why",
			programs: map[string]string{"dpkg-query": dpkgQuery, "apt-get": aptGet, "apt-cache": aptCache, "id": root},
			arg:      []string{"test"},
			says:     []string{"installing 2 of ", "scrot ", "takes the pictures", "curl ", "installed"},
			asked:    install,
		},
		{
			name: "reads the lists when they do not name a package",
			programs: map[string]string{"dpkg-query": dpkgQuery, "apt-get": aptGet, "id": root,
				"apt-cache": `[ -s $state/asked ] && echo Package`},
			arg:   []string{"test"},
			says:  []string{"reading the lists", "installed"},
			asked: update + install,
		},
		{
			name: "reads the lists when they are old",
			programs: map[string]string{"dpkg-query": dpkgQuery, "apt-cache": aptCache, "id": root,
				"apt-get": aptGet + `; case " $* " in *" update "*) touch $state/fresh ;; *) [ -e $state/fresh ] || { rm -f $state/done; exit 100; } ;; esac`},
			arg:   []string{"test"},
			says:  []string{"reading the lists", "installed"},
			asked: install + update + install,
		},
		{
			name: "tells what apt-get failed of",
			programs: map[string]string{"dpkg-query": dpkgQuery, "apt-cache": aptCache, "id": root,
				"apt-get": `case " $* " in *" install "*) echo "E: no room"; exit 100 ;; esac`},
			arg:  []string{"test"},
			code: 1,
			says: []string{"E: no room", "apt-get install failed", "scrot curl"},
		},
		{
			name: "tells that a network is away",
			programs: map[string]string{"dpkg-query": dpkgQuery, "apt-cache": `exit 100`, "id": root,
				"apt-get": `echo "E: no such host"; exit 100`},
			arg:  []string{"test"},
			code: 1,
			says: []string{"E: no such host", "apt-get update failed", "Is there a network"},
		},
		{
			name:     "does not believe an apt-get that did nothing",
			programs: map[string]string{"dpkg-query": dpkgQuery, "apt-get": `true`, "apt-cache": aptCache, "id": root},
			arg:      []string{"test"},
			code:     1,
			says:     []string{"still missing: scrot curl"},
		},
		{
			name: "takes sudo, which must not ask without a terminal",
			programs: map[string]string{"dpkg-query": dpkgQuery, "apt-get": aptGet, "apt-cache": aptCache, "id": somebody,
				"sudo": `[ "$1" = -n ] && shift && "$@"`},
			arg:   []string{"test"},
			says:  []string{"installed"},
			asked: install,
		},
		{
			name:     "says what to do with neither root nor sudo",
			programs: map[string]string{"dpkg-query": dpkgQuery, "apt-get": aptGet, "apt-cache": aptCache, "id": somebody},
			arg:      []string{"test"},
			code:     1,
			says:     []string{"needs root or sudo", "apt-get install --no-install-recommends scrot curl"},
		},
		{
			name:     "needs no rights when nothing is missing",
			programs: map[string]string{"dpkg-query": dpkgQuery, "apt-get": aptGet, "id": somebody, "go": `echo go1.99.0`},
			arg:      []string{"build"},
		},
		{
			name: "names the packages where there is no dpkg",
			arg:  []string{"test"},
			code: 1,
			says: []string{"no Debian", "xvfb", "scrot"},
		},
		{
			name:     "says where Go comes from",
			programs: map[string]string{"dpkg-query": dpkgQuery, "id": root},
			arg:      []string{"build"},
			code:     1,
			says:     []string{"Go"},
		},
		{
			name:     "lets Go fetch a newer one",
			programs: map[string]string{"dpkg-query": dpkgQuery, "id": root, "go": `[ "$2" = GOVERSION ] && echo go1.22.1 || echo auto`},
			arg:      []string{"build"},
			says:     []string{"Go is 1.22.1", "fetch 1.26"},
		},
		{
			name:     "refuses a Go that cannot",
			programs: map[string]string{"dpkg-query": dpkgQuery, "id": root, "go": `[ "$2" = GOVERSION ] && echo go1.19.8 || true`},
			arg:      []string{"build"},
			code:     1,
			says:     []string{"Go is 1.19.8, and 1.26", "https://go.dev/dl/"},
		},
		{
			name: "refuses a group that it does not know",
			arg:  []string{"everything"},
			code: 2,
			says: []string{"no group everything", "packaging/deps.sh [--list]"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t, test.programs)
			said, code := m.run(test.arg...)
			if code != test.code {
				t.Errorf("it ended with %d, want %d", code, test.code)
			}
			rest := said
			for _, want := range test.says {
				_, after, found := strings.Cut(rest, want)
				if !found {
					t.Errorf("it did not say %q (after what it said before)", want)
					continue
				}
				rest = after
			}
			if test.says == nil && said != "" {
				t.Error("it was not silent")
			}
			if asked := m.asked(); test.asked != asked {
				t.Errorf("apt-get was asked\n%swant\n%s", asked, test.asked)
			}
			if t.Failed() {
				t.Logf("it said:\n%s", said)
			}
		})
	}
}

// On this machine everything is there, or these tests could not run.
func TestDepsHere(t *testing.T) {
	begin := time.Now()
	out, err := exec.CommandContext(t.Context(), "./deps.sh", "build", "test").CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("it said (%v):\n%s", err, out)
	}
	// A second on an idle machine; this one may be busy with other tests.
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("it took %v to find nothing to do", took)
	}
}

// starts finds that a package starts a service as it is installed.
var starts = regexp.MustCompile(`(?m)^[^#\n]*(deb-systemd-invoke|invoke-rc\.d) .*(\bstart\b|\$_dh_action)`)

// No package starts a service on a machine that did not have it, but for the bus
// that every desktop has, and man-db's timer, which sees to its own index.
func TestDepsStartNothing(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "./deps.sh", "--list", "build", "test", "demo", "bench").Output()
	if err != nil {
		t.Fatal(err)
	}
	for name := range strings.FieldsSeq(string(out)) {
		scripts, err := filepath.Glob("/var/lib/dpkg/info/" + name + "*.postinst")
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range scripts {
			if own, _, _ := strings.Cut(strings.TrimSuffix(filepath.Base(path), ".postinst"), ":"); own != name || name == "dbus" || name == "man-db" {
				continue
			}
			script, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if line := starts.Find(script); line != nil {
				t.Errorf("%s starts a service: unpack it instead (unpack.sh): %s", name, line)
			}
		}
	}
	if name := "ocserv"; slices.Contains(strings.Fields(string(out)), name) {
		t.Errorf("%s would serve whoever comes by", name)
	}
}
