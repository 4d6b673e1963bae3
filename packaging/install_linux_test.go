package packaging

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// made are the packages, made once for all tests of the programs as make build has
// them, and packed in haste.
type made struct {
	dir, bin string
	err      error
	said     string
}

var packages = sync.OnceValue(func() (m made) {
	if m.dir, m.err = os.MkdirTemp("", "tidegate-packages-"); m.err != nil {
		return m
	}
	m.bin = filepath.Join(m.dir, "bin")
	for _, c := range []*exec.Cmd{
		exec.Command("go", "build", "-tags", "gles", "-buildvcs=false", "-ldflags", "-s -w", "-o", m.bin+"/", "..", "../cmd/..."),
		exec.Command("./package.sh", "--bin", m.bin, m.dir),
	} {
		c.Env = append(os.Environ(), "XZ_LEVEL=-0")
		out, err := c.CombinedOutput()
		if m.said += string(out); err != nil {
			m.err = err
			return m
		}
	}
	return m
})

func TestMain(m *testing.M) {
	code := m.Run()
	if made := packagesMade; made != "" {
		os.RemoveAll(made)
	}
	os.Exit(code)
}

// packagesMade is the folder of what was made, if anything was.
var packagesMade string

// pack is the one package that the pattern means.
func pack(t *testing.T, pattern string) string {
	t.Helper()
	m := packages()
	packagesMade = m.dir
	if m.err != nil {
		t.Fatalf("%v\n%s", m.err, m.said)
	}
	files, err := filepath.Glob(filepath.Join(m.dir, pattern))
	if err != nil || len(files) != 1 {
		t.Fatalf("%s: %v, %v", pattern, files, err)
	}
	return files[0]
}

// installed are files that show that something is there.
var installed = []string{
	"usr/bin/tidegate",
	"usr/libexec/tidegate-helper",
	"usr/libexec/tidegate-helper-setup",
	"usr/share/polkit-1/actions/org.tidegate.helper.policy",
	"usr/lib/systemd/user/tidegate.service",
	"usr/lib/systemd/system/tidegate-helper.socket",
	socketLink,
	"etc/systemd/system/sysinit.target.wants/tidegate-helper-recover.service",
	"usr/share/applications/" + id + ".desktop",
	"usr/share/icons/hicolor/scalable/apps/" + id + ".svg",
	"usr/share/metainfo/" + id + ".metainfo.xml",
	"usr/share/man/man1/tidegate.1.gz",
	"usr/share/bash-completion/completions/tidegate",
	"usr/share/zsh/vendor-completions/_tidegate",
	"usr/share/fish/vendor_completions.d/tidegate.fish",
	"etc/xdg/autostart/" + id + ".desktop",
	"etc/tidegate/helper.toml",
}

// The package installs, starts again as it is upgraded, and goes, all of it.
func TestInstallAndRemove(t *testing.T) {
	deb := pack(t, "tidegate_*.deb")
	r := newTestRoot(t)
	r.must("copy", os.CopyFS(filepath.Join(r.dir, "tmp/packages"), os.DirFS(filepath.Dir(deb))))
	file := "/tmp/packages/" + filepath.Base(deb)
	dpkg := func(arg ...string) string {
		t.Helper()
		return r.run("dpkg", append([]string{"--force-unsafe-io", "--force-confold"}, arg...)...)
	}

	dpkg("--install", file)
	for _, name := range installed {
		if !r.has(name) {
			t.Errorf("%s is not there", name)
		}
	}
	if out := r.run("dpkg", "--verify", "tidegate"); out != "" {
		t.Errorf("what is there is not what was packed:\n%s", out)
	}
	if out := r.run("tidegate", "--version"); !strings.HasPrefix(out, "tidegate ") {
		t.Errorf("the program says %q", out)
	}
	if out := r.run("xdg-mime", "query", "default", "x-scheme-handler/tidegate"); out != id+".desktop" {
		t.Errorf("a click on a link opens %q", out)
	}
	if out := r.run("man", "--where", "tidegate"); out != "/usr/share/man/man1/tidegate.1.gz" {
		t.Errorf("the manual page is %q", out)
	}
	if out := r.run("getent", "group", "tidegate"); !strings.HasPrefix(out, "tidegate:") {
		t.Errorf("the group is %q", out)
	}
	if out, err := r.try("systemd-analyze", "verify", "--man=no", "tidegate-helper.socket", "tidegate-helper.service", "tidegate-helper-recover.service"); err != nil || strings.Contains(out, "tidegate") {
		t.Errorf("systemd says of the units (%v):\n%s", err, out)
	}
	// What is there of others is as before.
	own := strings.Split(dpkg("--listfiles", "tidegate"), "\n")
	for _, name := range r.changed() {
		if !slices.Contains(own, "/"+name) && !slices.Contains(installed, name) && !strings.HasPrefix(name, "etc/g") &&
			!strings.HasPrefix(name, "etc/systemd/system/") {
			t.Errorf("it has changed %s", name)
		}
	}

	// An administrator's decisions outlive an upgrade.
	r.run("systemctl", "disable", "tidegate-helper.socket")
	r.must("write", os.WriteFile(filepath.Join(r.dir, "etc/tidegate/helper.toml"), []byte("vpn = false\n"), 0o644))
	dpkg("--install", file)
	if r.has(socketLink) || r.read("etc/tidegate/helper.toml") != "vpn = false\n" {
		t.Error("an upgrade undoes what the administrator has decided")
	}
	// As the settings page has it done, which tells nobody's name but whose password was given.
	r.run("env", "PKEXEC_UID=65534", "/usr/libexec/tidegate-helper-setup")
	if group := r.run("getent", "group", "tidegate"); !strings.HasSuffix(group, ":nobody") || !r.has(socketLink) {
		t.Errorf("the helper is not set up: %s", group)
	}

	dpkg("--remove", "tidegate")
	for _, name := range installed {
		if settings := strings.HasPrefix(name, "etc/tidegate/") || strings.HasPrefix(name, "etc/xdg/"); r.has(name) != settings {
			t.Errorf("after the removal: %s is there: %v", name, !settings)
		}
	}
	r.must("mkdir", os.MkdirAll(filepath.Join(r.dir, "var/lib/tidegate/dns"), 0o700))
	dpkg("--purge", "tidegate")
	if left := r.changed(); len(left) > 0 {
		t.Errorf("these are left:\n%s", strings.Join(left, "\n"))
	}
}

// The package depends on whose libraries the client is linked to, and to what it
// opens as it starts.
func TestDependencies(t *testing.T) {
	deb := pack(t, "tidegate_*.deb")
	out, err := exec.CommandContext(t.Context(), "dpkg-deb", "--field", deb, "Depends").Output()
	if err != nil {
		t.Fatal(err)
	}
	depends := strings.FieldsFunc(string(out), func(r rune) bool { return strings.ContainsRune(", \n", r) })
	f, err := elf.Open(filepath.Join(filepath.Dir(deb), "bin/tidegate"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	libraries, err := f.ImportedLibraries()
	if err != nil || len(libraries) == 0 {
		t.Fatal(libraries, err)
	}
	for _, library := range libraries {
		out, err := exec.CommandContext(t.Context(), "dpkg-query", "--search", "*/"+library).Output()
		if err != nil {
			t.Fatalf("%s: %v", library, err)
		}
		if !slices.ContainsFunc(strings.Split(string(out), "\n"), func(line string) bool {
			name, _, _ := strings.Cut(line, ":")
			return slices.Contains(depends, name)
		}) {
			t.Errorf("%s is of none of %v:\n%s", library, depends, out)
		}
	}
}
