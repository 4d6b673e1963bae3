package archtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/tidegate/tidegate"

// maxLines is the length of the longest file: past it a file is two ideas.
const maxLines = 500

// pkg is a package of the module, as go list tells it.
type pkg struct {
	ImportPath, Dir, Name string
	GoFiles, CgoFiles     []string
	Imports               []string
}

// rel is the package's path within the module; "." is the root.
func (p *pkg) rel() string { return rel(p.ImportPath) }

func rel(importPath string) string {
	if importPath == module {
		return "."
	}
	return strings.TrimPrefix(importPath, module+"/")
}

func list(t *testing.T, goos string) []*pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Dir,Name,GoFiles,CgoFiles,Imports", "-tags", "gles", module+"/...")
	cmd.Env = append(os.Environ(), "GOOS="+goos)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, errs.Bytes())
	}
	var all []*pkg
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		p := &pkg{}
		err := d.Decode(p)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// layers say which packages of the module each part may import, besides what
// lies in its own folder (architecture, section 3). The longest prefix counts.
// What is not named here fails, so that a new part is given its place.
var layers = map[string][]string{
	".":                 {"app", "internal/wire", "internal/lang"},
	"app":               {"session", "internal/lang", "internal/savefile", "tray", "tunnel", "dnssplit", "assets", "internal/clockset", "internal/timezone", "internal/posture", "internal/classicvpn", "internal/plaintext", "internal/wire", "internal/helper", "internal/heap", "internal/mistyped", "internal/underlay", "packaging/completions"},
	"app/window":        {"app/diag", "session", "internal/lang", "internal/savefile", "internal/timezone", "internal/colorscheme", "assets", "internal/wire", "internal/plaintext"},
	"app/viewer":        {"app/window", "app/raise", "session", "internal/wire"},
	"app/local":         {"app/profile", "app/diag", "session", "internal/wire"},
	"app/profile":       {},
	"app/autostart":     {"app/profile", "internal/wholefile"},
	"app/host":          {"app/autostart", "session", "internal/helper", "internal/lang"},
	"app/diag":          {"session", "internal/lang", "internal/savefile", "internal/timezone", "internal/wire", "internal/helper", "internal/dump", "internal/underlay", "tunnel/carrier"},
	"app/journal":       {"session", "internal/wholefile"},
	"app/apptest":       {"session"},
	"tray":              {"session", "internal/lang", "internal/plaintext", "internal/wire", "internal/colorscheme"},
	"tunnel":            {"internal/lang", "session", "internal/wire", "internal/flow", "internal/records", "internal/udpsocket", "internal/underlay"},
	"tunnel/netwatch":   {"internal/clockset"},
	"tunnel/proxy":      {"tunnel/front", "session", "internal/lang", "internal/wire", "internal/plaintext"},
	"dnssplit":          {"internal/lang", "session", "internal/wire", "internal/helper", "internal/dump", "tunnel/netwatch"},
	"dnssplit/names":    {"internal/wholefile"},
	"dnssplit/osdns":    {"internal/dump"},
	"dnssplit/resolver": {},
	"session":           {"internal/wire", "internal/lang", "internal/cause"},
	"session/control":   {"session", "internal/lang", "internal/wire", "internal/underlay"},
	"session/vault":     {"session", "internal/wire", "internal/wholefile"},
	"assets":            {},
	"packaging":         {},
	"internal/wire":     {},
	"internal/flow":     {"internal/wire"},
	"internal/helper":   {"internal/dump", "dnssplit/osdns", "dnssplit/resolver"},
	"internal/policy":   {"internal/wire"},
	"internal/posture":  {"internal/wire"},

	"internal/lang":       {},
	"internal/cause":      {},
	"internal/plaintext":  {},
	"internal/mistyped":   {},
	"internal/classicvpn": {"internal/lang", "internal/wholefile", "internal/dump", "session", "internal/wire", "internal/plaintext", "internal/helper", "internal/filewatch", "tunnel/netwatch"},

	"internal/admission":   {},
	"internal/clockset":    {},
	"internal/timezone":    {"internal/filewatch"},
	"internal/filewatch":   {},
	"internal/rebind":      {},
	"internal/colorscheme": {},
	"internal/dump":        {},
	"internal/heap":        {},
	"internal/wholefile":   {},
	"internal/savefile":    {"internal/lang"},
	"internal/records":     {},
	"internal/udpsocket":   {},
	"internal/underlay":    {"dnssplit/osdns"},
	"internal/resource":    {"internal/mistyped", "internal/wire"},
	"internal/script":      {"internal/wire"},
	"internal/reevaluate":  {"internal/wire", "internal/policy"},
	"internal/controller":  {"internal/mistyped", "internal/wire", "internal/wholefile", "internal/policy", "internal/script", "internal/resource", "internal/admission"},
	"internal/gateway":     {"internal/clockset", "internal/wire", "internal/wholefile", "internal/flow", "internal/records", "internal/udpsocket", "internal/policy", "internal/reevaluate", "internal/script", "internal/resource", "internal/admission"},
	"internal/lab":         {"internal/rebind", "internal/wire", "internal/policy", "internal/resource", "internal/controller", "internal/gateway"},
	"cmd/tidegate-server":  {"internal/wire", "internal/heap", "internal/policy", "internal/resource", "internal/controller", "internal/gateway", "internal/lab"},
	"cmd/tidegate-helper":  {"internal/helper"},

	"internal/archtest": {},
	"internal/sbom":     {},
	"internal/netlab":   {},
}

// harnesses play a part in tests, the demo and the benchmarks: they know both
// sides, and only tests and each other import them.
var harnesses = []string{"internal/desktop", "internal/desktoptest", "internal/rig", "internal/demo", "internal/bench", "internal/lab", "internal/netlab", "app/apptest", "dnssplit/resolvedtest", "internal/classicvpn/vpntest"}

// never are imports that one part must not make of another module, with the reason.
var never = []struct{ from, target, why string }{
	{"app/window", "fyne.io/fyne/v2/app", "the window is tested without OpenGL; main opens it"},
	{"app/viewer", "fyne.io/fyne/v2/app", "main makes the application"},
	{"app", "fyne.io/fyne/v2/app", "the tray process makes no Fyne application"},
	{"tray", "fyne.io/fyne/v2", "the tray process has no window"},
	{"session", "fyne.io/fyne/v2", "the core knows nothing of windows"},
	{"cmd", "fyne.io/fyne/v2", "servers have no window"},
	{"internal/controller", "fyne.io/fyne/v2", "servers have no window"},
	{"internal/gateway", "fyne.io/fyne/v2", "servers have no window"},
	{"internal/policy", "net/http", "policy is pure"},
}

// layer is the entry of layers that p falls under.
func layer(p string) (name string, ok bool) {
	for name = p; ; name = path.Dir(name) {
		if _, ok = layers[name]; ok || name == "." {
			return name, ok && (name != "." || p == ".")
		}
	}
}

func within(p, folder string) bool { return p == folder || strings.HasPrefix(p, folder+"/") }

func withinAny(p string, folders []string) bool {
	return slices.ContainsFunc(folders, func(f string) bool { return within(p, f) })
}

func TestImportsRunOneWay(t *testing.T) {
	for _, goos := range []string{"linux", "windows", "darwin"} {
		t.Run(goos, func(t *testing.T) {
			for _, p := range list(t, goos) {
				from := p.rel()
				if withinAny(from, harnesses) && from != "internal/lab" {
					continue
				}
				name, ok := layer(from)
				if !ok {
					t.Errorf("%s has no place: give it one in layers, and in the architecture's section 3", from)
					continue
				}
				for _, i := range p.Imports {
					if i != module && !strings.HasPrefix(i, module+"/") {
						continue
					}
					target := rel(i)
					if withinAny(target, harnesses) && !(target == "internal/lab" && from == "cmd/tidegate-server") {
						t.Errorf("%s imports %s, which is for tests", from, target)
						continue
					}
					if own := name != "." && within(target, name); !own && !withinAny(target, layers[name]) {
						t.Errorf("%s imports %s: may import %v", from, target, layers[name])
					}
				}
			}
		})
	}
}

func TestImportsThatAreNeverMade(t *testing.T) {
	for _, p := range list(t, "linux") {
		for _, n := range never {
			if !within(p.rel(), n.from) {
				continue
			}
			for _, i := range p.Imports {
				if i == n.target {
					t.Errorf("%s imports %s: %s", p.rel(), i, n.why)
				}
			}
		}
	}
}

// Not even through others do servers and the client link each other's code.
func TestProgramsStayApart(t *testing.T) {
	for _, tt := range []struct{ program, without string }{
		{".", "internal/policy"},
		{".", "internal/controller"},
		{".", "internal/gateway"},
		{".", "internal/lab"},
		{".", "internal/resource"},
		{"cmd/tidegate-server", "session"},
		{"cmd/tidegate-server", "app"},
		{"cmd/tidegate-server", "tray"},
		{"cmd/tidegate-server", "tunnel"},
		{"cmd/tidegate-server", "assets"},
	} {
		t.Run(tt.program+" without "+tt.without, func(t *testing.T) {
			importers := map[string][]string{}
			for _, p := range list(t, "linux") {
				importers[p.rel()] = p.Imports
			}
			if chain := reach(importers, tt.program, tt.without, nil); chain != nil {
				t.Errorf("it is linked by %s", strings.Join(chain, " -> "))
			}
		})
	}
}

// reach finds a chain of imports from one package into a folder.
func reach(imports map[string][]string, from, folder string, seen map[string]bool) []string {
	if seen == nil {
		seen = map[string]bool{}
	}
	if within(from, folder) {
		return []string{from}
	}
	if seen[from] {
		return nil
	}
	seen[from] = true
	for _, i := range imports[from] {
		if i != module && !strings.HasPrefix(i, module+"/") {
			continue
		}
		if chain := reach(imports, rel(i), folder, seen); chain != nil {
			return append([]string{from}, chain...)
		}
	}
	return nil
}

func TestPackages(t *testing.T) {
	for _, p := range list(t, "linux") {
		t.Run(p.rel(), func(t *testing.T) {
			for _, bad := range []string{"util", "utils", "common", "types", "helpers", "helper", "misc", "base", "shared"} {
				if p.Name == bad {
					t.Errorf("the name %q says nothing", p.Name)
				}
				for _, f := range slices.Concat(p.GoFiles, p.CgoFiles) {
					if f == bad+".go" {
						t.Errorf("the file name %s says nothing: one noun a file", f)
					}
				}
			}
			if len(p.GoFiles)+len(p.CgoFiles) == 0 {
				return
			}
			documented := 0
			for _, f := range slices.Concat(p.GoFiles, p.CgoFiles) {
				name := filepath.Join(p.Dir, f)
				src, err := os.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				if n := bytes.Count(src, []byte("\n")); n > maxLines && !bytes.Contains(src, []byte("// Code generated ")) {
					t.Errorf("%s has %d lines: it holds two ideas", f, n)
				}
				ast, err := parser.ParseFile(token.NewFileSet(), name, src, parser.PackageClauseOnly|parser.ParseComments)
				if err != nil {
					t.Fatal(err)
				}
				if ast.Doc != nil && strings.TrimSpace(ast.Doc.Text()) != "" {
					documented++
				}
			}
			if documented != 1 {
				t.Errorf("%d files have a package comment: one says what the package is for, who calls it and what it promises about concurrency", documented)
			}
		})
	}
}
