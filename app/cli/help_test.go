package cli

import (
	"slices"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/app/apptest"
)

// helpOf is what `tidegate help` tells of a command.
func helpOf(t *testing.T, name string) string {
	t.Helper()
	got := invoke(t, &apptest.Source{}, "", "help", name)
	if got.code != Done || got.err != "" {
		t.Fatalf("help %s: %+v", name, got)
	}
	return got.out
}

func TestHelpTellsEverything(t *testing.T) {
	all := invoke(t, &apptest.Source{}, "", "help").out
	if all != UsageText() || all != invoke(t, &apptest.Source{}, "", "--help").out {
		t.Error("help and --help differ")
	}
	for _, e := range exits {
		if !strings.Contains(all, "  "+e.text+"\n") {
			t.Errorf("help does not say that a code means: %s", e.text)
		}
	}
	for _, c := range commands {
		if c.hidden {
			continue
		}
		if !strings.Contains(all, "\n  "+c.title()+" ") || c.help == "" {
			t.Errorf("help has nothing of %s:\n%s", c.name, all)
		}
		text := helpOf(t, c.name)
		if !c.raw && text != invoke(t, &apptest.Source{}, "", c.name, "--help").out {
			t.Errorf("%s --help is not what help %s tells", c.name, c.name)
		}
		for _, o := range c.options() {
			if !strings.Contains(text, "\n  --"+o.name) || strings.TrimSpace(o.text) == "" {
				t.Errorf("%s: --%s is not explained: give its flag a usage", c.name, o.name)
			}
		}
		for _, v := range c.verbs {
			if !strings.Contains(text, "\n  "+c.name+" "+v.name+" ") {
				t.Errorf("%s: nothing of %s", c.name, v.name)
			}
		}
		if !c.raw && !slices.ContainsFunc(c.options(), func(o option) bool { return o.name == "json" }) {
			t.Errorf("%s has no --json", c.name)
		}
	}
	for _, args := range [][]string{{"help", "connect"}, {"help", "vpn", "add"}} {
		if got := invoke(t, &apptest.Source{}, "", args...); got.code != Usage {
			t.Errorf("%v: %+v", args, got)
		}
	}
}

// Help promises no more than forgetting does: package session holds the same.
func TestHelpOfForget(t *testing.T) {
	text := strings.Join(strings.Fields(helpOf(t, "forget")), " ")
	for _, want := range []string{"where it answers", "an enrolment that was not active since Tidegate started: the controller is not told"} {
		if !strings.Contains(text, want) {
			t.Errorf("it does not say %q:\n%s", want, text)
		}
	}
}

func TestAlone(t *testing.T) {
	for _, tt := range []struct {
		line string
		want bool
	}{{"", false}, {"help", true}, {"--help", true}, {"help status", true}, {"completion bash", true}, {"__complete x", true}, {"status", false}, {"nope", false}} {
		if got := Alone(strings.Fields(tt.line)); got != tt.want {
			t.Errorf("%q: %v", tt.line, got)
		}
	}
}
