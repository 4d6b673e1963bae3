package packaging

import (
	"bytes"
	"encoding/xml"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

const id = "org.tidegate.Tidegate"

func TestDesktopFiles(t *testing.T) {
	files, err := filepath.Glob("linux/*.desktop")
	if err != nil || len(files) != 2 {
		t.Fatalf("found %v (%v), want the menu entry and the autostart file", files, err)
	}
	for _, file := range files {
		out, err := exec.CommandContext(t.Context(), "desktop-file-validate", "--warn-kde", file).CombinedOutput()
		if err != nil || len(out) > 0 {
			t.Errorf("desktop-file-validate %s (%v): %s", file, err, out)
		}
		if got := entry(t, file)["Icon"]; got != id {
			t.Errorf("%s: Icon is %q, want %q", file, got, id)
		}
	}
	if got := entry(t, "linux/"+id+".autostart.desktop"); got["TryExec"] != got["Exec"] {
		t.Errorf("after a removal, which leaves settings, a desktop would start what is not there: %v", got)
	}
	menu := entry(t, "linux/"+id+".desktop")
	if menu["Exec"] != "tidegate %u" || menu["MimeType"] != "x-scheme-handler/tidegate;" {
		t.Errorf("a click on a link runs %q for %q", menu["Exec"], menu["MimeType"])
	}
}

// As a service, too, the client sets up the helper and opens browsers: by pkexec, and
// with their own sandboxes, which are setuid.
func TestUserUnit(t *testing.T) {
	unit := entry(t, "linux/tidegate.service")
	if unit["ExecStart"] != "/usr/bin/tidegate" {
		t.Errorf("it starts %q", unit["ExecStart"])
	}
	for _, setting := range []string{"NoNewPrivileges", "RestrictSUIDSGID", "SystemCallFilter", "PrivateUsers", "DynamicUser"} {
		if v, is := unit[setting]; is {
			t.Errorf("%s=%s takes setuid programs away", setting, v)
		}
	}
}

// entry is the keys of a file: of the group [Desktop Entry], which is its only one, or
// of a unit, which says each in one group only.
func entry(t *testing.T, file string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	keys := make(map[string]string)
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			keys[key] = value
		}
	}
	return keys
}

func TestMetainfo(t *testing.T) {
	const file = "linux/" + id + ".metainfo.xml"
	out, err := exec.CommandContext(t.Context(), "appstreamcli", "validate", "--no-net", "--no-color", file).CombinedOutput()
	if err != nil {
		t.Errorf("appstreamcli (%v): %s", err, out)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var info struct {
		ID         string `xml:"id"`
		Launchable string `xml:"launchable"`
		Summary    string `xml:"summary"`
	}
	if err := xml.Unmarshal(text, &info); err != nil {
		t.Fatal(err)
	}
	menu := entry(t, "linux/"+id+".desktop")
	if info.ID != id || info.Launchable != id+".desktop" || info.Summary != menu["Comment"] {
		t.Errorf("it does not agree with the menu entry: %+v, %v", info, menu)
	}
}

// TestPackageList holds the package's list of files against the files.
func TestPackageList(t *testing.T) {
	text, err := os.ReadFile("linux/nfpm.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var list struct {
		Name     string
		License  string
		Scripts  map[string]string
		Contents []struct{ Src, Dst string }
	}
	if err := yaml.Unmarshal(text, &list); err != nil {
		t.Fatal(err)
	}
	if list.Name != "tidegate" || list.License != "Apache-2.0" {
		t.Errorf("it is %s under %s", list.Name, list.License)
	}
	sources := []string{"packaging/linux/nfpm.yaml", "packaging/linux/install.sh"}
	units := ""
	for _, c := range list.Contents {
		sources = append(sources, c.Src)
		if strings.HasPrefix(c.Src, "${") {
			continue // made by package.sh
		}
		text, err := os.ReadFile(filepath.Join("..", c.Src))
		if err != nil {
			t.Errorf("%s would have no source: %v", c.Dst, err)
		}
		if strings.HasPrefix(c.Dst, "/usr/lib/systemd/") {
			units += string(text)
		}
	}
	for _, script := range list.Scripts {
		sources = append(sources, script)
		if out, err := exec.CommandContext(t.Context(), "sh", "-n", filepath.Join("..", script)).CombinedOutput(); err != nil {
			t.Errorf("%s: %s", script, out)
		}
	}
	for _, pattern := range []string{"linux/*", "linux/helper/*"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatal(files, err)
		}
		for _, file := range files {
			if info, err := os.Stat(file); err == nil && !info.IsDir() && !slices.Contains(sources, "packaging/"+file) {
				t.Errorf("%s is in no package", file)
			}
		}
	}
	for _, c := range list.Contents {
		if strings.HasPrefix(c.Src, "${BIN}") && !strings.Contains(units, "\nExecStart="+c.Dst+"\n") {
			t.Errorf("no unit starts %s", c.Dst)
		}
	}
}

// The version is one wherever it stands.
func TestVersion(t *testing.T) {
	text, err := os.ReadFile("linux/" + id + ".metainfo.xml")
	if err != nil {
		t.Fatal(err)
	}
	fyne, err := os.ReadFile("../FyneApp.toml")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("../app/core.go")
	if err != nil {
		t.Fatal(err)
	}
	version := regexp.MustCompile(`(?m)^var Version = "(.+)"$`).FindSubmatch(source)
	if version == nil {
		t.Fatal("package.sh finds no version in app/core.go")
	}
	helper, err := os.ReadFile("../cmd/tidegate-helper/version.go")
	if err != nil || !bytes.Contains(helper, []byte("\nconst version = \""+string(version[1])+"\"\n")) {
		t.Errorf("the helper is of another version than %s (%v)", version[1], err)
	}
	if release := regexp.MustCompile(`<release version="([^"]+)"`).FindSubmatch(text); release == nil || !bytes.Equal(release[1], version[1]) {
		t.Errorf("the software centre's page has not %s as its newest release: %s", version[1], release)
	}
	if !bytes.Contains(fyne, []byte("\nVersion = \""+string(version[1])+"\"\n")) {
		t.Errorf("FyneApp.toml names another version than %s", version[1])
	}
}

// TestNotice holds NOTICE against what is embedded.
func TestNotice(t *testing.T) {
	notice, err := os.ReadFile("../NOTICE")
	if err != nil {
		t.Fatal(err)
	}
	licences, err := filepath.Glob("../assets/*/LICENSE*")
	if err != nil || len(licences) == 0 {
		t.Fatalf("no licence lies in assets (%v)", err)
	}
	for _, path := range licences {
		if rel := strings.TrimPrefix(path, "../"); !bytes.Contains(notice, []byte(rel)) {
			t.Errorf("NOTICE does not name %s", rel)
		}
	}
	licence, err := os.ReadFile("../LICENSE")
	if err != nil || !bytes.Contains(licence, []byte("Version 2.0, January 2004")) {
		t.Errorf("LICENSE is not the Apache License 2.0 (%v)", err)
	}
}
