package packaging

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What is said to be in the packages is what Go says is in the programs.
func TestBillsOfMaterials(t *testing.T) {
	for pattern, program := range map[string]string{"tidegate-0*.cdx.json": "tidegate", "tidegate-server-*.cdx.json": "tidegate-server"} {
		file := pack(t, pattern)
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var bill struct {
			Components []struct{ Name, Version string }
		}
		if err := json.Unmarshal(text, &bill); err != nil {
			t.Fatal(err)
		}
		var has []string
		for _, c := range bill.Components {
			has = append(has, c.Name+" "+c.Version)
		}
		out, err := exec.CommandContext(t.Context(), "go", "version", "-m", filepath.Join(filepath.Dir(file), "bin", program)).Output()
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for line := range strings.Lines(string(out)) {
			if f := strings.Fields(line); len(f) > 2 && f[0] == "dep" {
				found++
				if !slices.Contains(has, f[1]+" "+f[2]) {
					t.Errorf("%s lacks %s %s", filepath.Base(file), f[1], f[2])
				}
			}
		}
		if found < 10 || !slices.ContainsFunc(has, func(c string) bool { return strings.HasPrefix(c, "std v1.") }) {
			t.Errorf("%s of %d modules: %v", filepath.Base(file), found, has)
		}
	}
}

// The programs without C are the same wherever they are built.
func TestReproducible(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "./reproduce.sh", "--warm").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "  tidegate-helper\n") || !strings.Contains(string(out), "  tidegate-server\n") {
		t.Errorf("%v\n%s", err, out)
	}
}
