package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/packaging/completions"
)

const completionAbout = `What it writes asks Tidegate at each Tab, and so stays right for later
versions. The packages install it; by hand, for yourself alone:
  bash  tidegate completion bash > ~/.local/share/bash-completion/completions/tidegate
  zsh   tidegate completion zsh > DIR/_tidegate, where DIR is in $fpath
  fish  tidegate completion fish > ~/.config/fish/completions/tidegate.fish`

// shells are those that can complete, with what has them do so.
var shells = map[string]string{"bash": completions.Bash, "zsh": completions.Zsh, "fish": completions.Fish}

// completion writes what has a shell complete commands.
func (c *call) completion(_ context.Context, args []string) error {
	script, ok := shells[args[0]]
	if !ok {
		return usageError{lang.F("there is none for %q; it is: tidegate completion %s", args[0], strings.Join(slices.Sorted(maps.Keys(shells)), "|"))}
	}
	if c.json {
		return c.write(map[string]string{"shell": args[0], "script": script}, "  ")
	}
	_, err := fmt.Fprint(c.Out, script)
	return err
}
