package cli

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the manual page")

const shippedManual = "../../packaging/man/tidegate.1"

func TestManual(t *testing.T) {
	want := Manual()
	if *update {
		if err := os.WriteFile(shippedManual, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(shippedManual)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("%s is not what the commands say; run go generate ./app/cli (-want +got):\n%s", shippedManual, diff)
	}
}

func TestManualReads(t *testing.T) {
	cmd := exec.Command("man", "--warnings", "--nh", "--nj", "-E", "UTF-8", "-l", shippedManual)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "MANWIDTH=100", "MANOPT=", "MANROFFOPT=", "GROFF_NO_SGR=1")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("man: %v\n%s", err, errs.Bytes())
	}
	if errs.Len() > 0 {
		t.Errorf("man complains:\n%s", errs.Bytes())
	}
	text := strings.Join(strings.Fields(overstruck.Replace(plainPage(out.String()))), " ")
	for _, c := range commands {
		if c.hidden {
			continue
		}
		for _, want := range append([]string{c.title() + " ", sentence(c.help)}, flagsOf(c)...) {
			if want = strings.Join(strings.Fields(want), " "); !strings.Contains(text, want) {
				t.Errorf("%s: the page does not say %q", c.name, want)
			}
		}
	}
	for _, e := range examples {
		if !strings.Contains(text, e.line) {
			t.Errorf("the page has no %s", e.line)
		}
	}
}

func flagsOf(c command) (all []string) {
	for _, o := range c.options() {
		all = append(all, strings.TrimSpace("--"+o.name+" "+o.value))
	}
	return all
}

// overstruck are the characters that man draws nicer than they were written.
var overstruck = strings.NewReplacer("\u2010", "-", "\u2212", "-")

// plainPage is a page without bold and underlined letters, which are struck twice.
func plainPage(s string) string {
	var b []rune
	for _, r := range s {
		if r == '\b' && len(b) > 0 {
			b = b[:len(b)-1]
			continue
		}
		b = append(b, r)
	}
	return string(b)
}
