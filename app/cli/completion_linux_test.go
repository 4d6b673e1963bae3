package cli

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/app/apptest"
	"github.com/tidegate/tidegate/session"
)

// asTidegate has this test binary be the program, for the shells below.
const asTidegate = "CLI_TEST_AS_TIDEGATE"

func TestMain(m *testing.M) {
	if os.Getenv(asTidegate) == "" {
		os.Exit(m.Run())
	}
	src := &apptest.Source{}
	src.Publish(tempting())
	os.Exit(Run(context.Background(), os.Args[1:], Options{In: os.Stdin, Out: os.Stdout, Err: os.Stderr,
		Dial: func() (Client, error) { return running{src, make(chan struct{})}, nil }}))
}

// hostile is a name in which a shell would find a program to run, whatever it stands in.
const hostile = "it's \"$(touch pwned)\" `touch pwned` !! $HOME \\ x"

// tempting is a state with names that shells read something into.
func tempting() session.State {
	s := state()
	s.Apps[0].Host, s.Apps[1].Host = "wiki.corp", "pay.corp"
	s.VPN.Connections = []session.VPNConnection{
		{VPNSettings: session.VPNSettings{ID: "a", Name: "Head Office", Address: "vpn.example"}},
		{VPNSettings: session.VPNSettings{ID: "b", Address: "old.example:8443"}},
		{VPNSettings: session.VPNSettings{ID: "c", Name: "it's $(touch pwned) \x1b[2J", Address: "c.example"}},
		{VPNSettings: session.VPNSettings{ID: "d", Name: "-rf", Address: "d.example"}},
		{VPNSettings: session.VPNSettings{ID: "e", Name: hostile, Address: "e.example"}},
		{VPNSettings: session.VPNSettings{ID: "f", Name: ":\x1b[2J", Address: "f.example"}},
	}
	return s
}

func TestComplete(t *testing.T) {
	for _, tt := range []struct {
		name string
		line []string // the last is the word at the cursor
		want []string // the words alone
	}{
		{"commands", []string{"s"}, []string{"status", "sign-in", "sign-out", "switch", "settings"}},
		{"no hidden command", []string{"__"}, nil},
		{"flags before a command", []string{"--p"}, []string{"--profile"}},
		{"behind a profile", []string{"--profile", "x", "sta"}, []string{"status"}},
		{"a profile", []string{"--profile", "x"}, nil},
		{"help of a command", []string{"help", "vp"}, []string{"vpn"}},
		{"flags", []string{"status", "--"}, []string{"--json", "--timeout", "--wait", "--help"}},
		{"a flag's value", []string{"status", "--wait", "sign"}, []string{"signed-in", "signed-out"}},
		{"a flag's value behind =", []string{"status", "--wait=a"}, []string{"--wait=active"}},
		{"a flag's value that nobody knows", []string{"status", "--timeout", ""}, nil},
		{"an unknown flag's", []string{"status", "--nope="}, nil},
		{"several values", []string{"vpn", "edit", "--features", "ipv6,st"}, []string{"ipv6,stealth-mode"}},
		{"verbs", []string{"vpn", "--json", "e"}, []string{"edit"}},
		{"applications", []string{"open", ""}, []string{"build", "old", "pay", "safe", "vault", "wiki"}},
		{"an application that may be left out", []string{"answer", "--with", "mfa", "w"}, []string{"wiki"}},
		{"an argument too many", []string{"open", "wiki", ""}, nil},
		{"names", []string{"dns", "explain", "w"}, []string{"wiki.corp"}},
		{"VPNs, without one that a terminal obeys", []string{"vpn", "connect", ""}, []string{"Head Office", "old.example:8443", "-rf", hostile}},
		{"what no verb has", []string{"vpn", "dial", ""}, nil},
		{"settings", []string{"settings", "set", "start"}, []string{"start-at-login"}},
		{"another's", []string{"settings", "set", "notifications", "n"}, []string{"none"}},
		{"a setting's value", []string{"settings", "set", "start-at-login", "o"}, []string{"on", "off"}},
		{"shells", []string{"completion", ""}, []string{"bash", "fish", "zsh"}},
		{"programs", []string{"run", "--", "l"}, []string{":commands"}},
		{"their files", []string{"run", "--", "ls", "x"}, []string{":files"}},
		{"no command", []string{"connect", ""}, nil},
		{"nothing", nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			src := &apptest.Source{}
			src.Publish(tempting())
			got := invoke(t, src, "", append([]string{"__complete"}, tt.line...)...)
			var words []string
			for line := range strings.Lines(got.out) {
				word, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
				words = append(words, word)
			}
			if diff := cmp.Diff(tt.want, words); diff != "" || got.code != Done || got.err != "" {
				t.Errorf("%+v (-want +got):\n%s", got, diff)
			}
		})
	}
}

// Real shells complete what is typed, in a folder with a program named tidegate.
func TestShellsComplete(t *testing.T) {
	me, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	if err := os.Symlink(me, filepath.Join(bin, "tidegate")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	for _, tt := range []struct {
		line string
		want []string
		bash []string // where it differs, since bash replaces only what is behind : and =
	}{
		{"tidegate sta", []string{"status"}, nil},
		{"tidegate open ", []string{"build", "old", "pay", "safe", "vault", "wiki"}, nil},
		{"tidegate status --wait=a", []string{"--wait=active"}, []string{"active"}},
		{"tidegate vpn connect Head\\ O", []string{"Head Office"}, []string{`Head\ Office`}},
		{"tidegate vpn connect old.example:8", []string{"old.example:8443"}, []string{"8443"}},
		{"tidegate run -- cat fil", []string{"file"}, nil},
	} {
		for shell, complete := range map[string]func(*testing.T, string) []string{"bash": inBash, "zsh": inZsh, "fish": inFish} {
			t.Run(shell+" "+tt.line, func(t *testing.T) {
				want := tt.want
				if shell == "bash" && tt.bash != nil {
					want = tt.bash
				}
				got := complete(t, tt.line)
				slices.Sort(got)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		}
	}
}

// A name is a name, in whatever quotes it is completed, and however much of it stands
// there: a shell that is given the line finds nothing in it to run.
func TestHostileNamesAreNamesInBash(t *testing.T) {
	me, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	if err := os.Symlink(me, filepath.Join(bin, "tidegate")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	script, err := filepath.Abs("../../packaging/completions/tidegate.bash")
	if err != nil {
		t.Fatal(err)
	}
	// What readline keeps of the word, and what it puts behind the completion.
	for _, tt := range []struct{ word, kept, end string }{
		{`it\'s\ \"`, ``, ``},
		{`"it's \"\$(`, `"`, `"`},
		{`'it`, `'`, `'`},
		{`'it'\''s "$`, `'it'\''`, `'`},
		{`it\'"s `, `it\'"`, `"`},
	} {
		got := shell(t, `
source "$SCRIPT"
COMP_WORDS=(tidegate vpn connect "$WORD")
COMP_CWORD=3
_tidegate tidegate
eval "line=( $KEPT${COMPREPLY[0]}$END )"
printf '%s\n' "${#line[@]} ${line[0]}"
[[ $END == '"' && $KEPT${COMPREPLY[0]} == *[!\']!* ]] && echo history
exit 0
`, "env", "SCRIPT="+script, "WORD="+tt.word, "KEPT="+tt.kept, "END="+tt.end, "bash", "--norc")
		if diff := cmp.Diff([]string{"1 " + hostile}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.word, diff)
		}
	}
}

// shell runs a script of a shell's in a folder of its own, in which there is a file.
func shell(t *testing.T, script, name string, args ...string) []string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, append(args, "-c", script)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), asTidegate+"=yes", "HOME="+dir, "XDG_CONFIG_HOME="+dir, "XDG_DATA_HOME="+dir, "TERM=dumb", "LC_ALL=C.UTF-8")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil || errs.Len() > 0 {
		t.Fatalf("%s: %v\n%s", name, err, errs.Bytes())
	}
	if _, err := os.Stat(filepath.Join(dir, "pwned")); err == nil {
		t.Error("it ran what a name said")
	}
	var words []string
	for line := range strings.Lines(out.String()) {
		word, _, _ := strings.Cut(strings.TrimRight(line, "\r\n"), "\t")
		if word != "" {
			words = append(words, word)
		}
	}
	return words
}

// inBash has bash complete the line, split into words as readline splits it.
func inBash(t *testing.T, line string) []string {
	words := []string{""}
	for i := 0; i < len(line); i++ {
		last := &words[len(words)-1]
		switch c := line[i]; {
		case c == '\\':
			*last += line[i : i+2]
			i++
		case c == ' ':
			words = append(words, "")
		case c == '=' || c == ':':
			words = append(words, string(c), "")
		default:
			*last += string(c)
		}
	}
	script := "eval \"$(tidegate completion bash)\"\nCOMP_WORDS=("
	for _, w := range words {
		script += " '" + w + "'"
	}
	script += ")\nCOMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n_tidegate tidegate\nprintf '%s\\n' \"${COMPREPLY[@]}\""
	return shell(t, script, "bash", "--norc")
}

func inFish(t *testing.T, line string) []string {
	return shell(t, "tidegate completion fish | source\ncomplete -C '"+strings.ReplaceAll(line, `\`, `\\`)+"'", "fish", "--no-config")
}

// inZsh has an interactive zsh complete the line, and hears what it would offer.
func inZsh(t *testing.T, line string) []string {
	words := shell(t, `
zmodload zsh/zpty
cat >setup <<'SETUP'
PROMPT=
autoload compinit
compinit -u -D
eval "$(tidegate completion zsh)"
bindkey '^M' undefined
bindkey '^J' undefined
bindkey '^I' complete-word
opening() { print -r - '<<<' }
closing() { print -r - '>>>' }
compprefuncs=(opening)
comppostfuncs=(closing)
zstyle ':completion:*' insert-tab false
compadd() {
	local -a hits
	if [[ ${@[1,(i)(-|--)]} != *-(O|A|D)\ * ]]; then
		builtin compadd -A hits "$@"
		print -rl - $hits
	fi
	builtin compadd "$@"
}
print ready
SETUP
zpty z zsh -f -i
zpty -w z 'source ./setup'
while zpty -r z answer; do [[ $answer == *ready* ]] && break; done
zpty -w -n z '`+line+"'$'\\t'"+`
on=
while zpty -r z answer; do
	case $answer in
	*'<<<'*) on=yes ;;
	*'>>>'*) break ;;
	*) [[ -n $on ]] && print -r - ${answer%%[[:space:]]##} ;;
	esac
done | sort -u
exit 0
`, "zsh", "-f", "-o", "extendedglob")
	for i, w := range words {
		words[i] = strings.ReplaceAll(w, `\ `, " ") // as it is inserted
	}
	return words
}
