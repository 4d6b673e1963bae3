package cli

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/tidegate/tidegate/app/local"
	"github.com/tidegate/tidegate/app/profile"
	"github.com/tidegate/tidegate/internal/plaintext"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// completeWait is how long a Tab waits for the running instance.
const completeWait = 2 * time.Second

// Words of ours to the scripts: let the shell complete these itself.
const (
	shellFiles    = ":files"
	shellCommands = ":commands"
)

// candidate is what a word could become, and what that is.
type candidate struct{ value, text string }

// complete writes what the last of the words could become: a line for each,
// with what it is behind a tab. The scripts of `tidegate completion` ask it.
// Whatever hinders it leaves out what is not known: an error helps nobody at a Tab.
func (c *call) complete(ctx context.Context, words []string) error {
	if len(words) == 0 {
		return nil
	}
	cur, words := words[len(words)-1], words[:len(words)-1]
	name := os.Getenv(profile.Env)
	if len(words) > 0 && words[0] == "--profile" {
		if len(words) == 1 {
			return nil
		}
		name, words = words[1], words[2:]
	}
	ctx, cancel := context.WithTimeout(ctx, completeWait)
	defer cancel()
	t := &tab{c, func() (session.State, error) { return c.known(ctx, name) }}
	prefix, all := "", []candidate(nil)
	if len(words) == 0 {
		all = t.first(cur)
	} else if cmd, err := c.lookup(words[0]); err == nil {
		prefix, cur, all = t.within(cmd, words[1:], cur)
	} else if slices.Contains(helpWords, words[0]) && len(words) == 1 {
		all = t.names()
	}
	for _, x := range all {
		switch {
		case x.value == shellFiles, x.value == shellCommands:
			fmt.Fprintln(c.Out, x.value)
		case !strings.HasPrefix(x.value, cur) || x.value != plaintext.Line(x.value):
		case x.text == "":
			fmt.Fprintln(c.Out, prefix+x.value)
		default:
			fmt.Fprintln(c.Out, prefix+x.value+"\t"+plaintext.Line(x.text))
		}
	}
	return nil
}

// tab is one completion.
type tab struct {
	*call
	state func() (session.State, error) // of the running instance
}

// names are the commands.
func (t *tab) names() (all []candidate) {
	for _, c := range t.all {
		if !c.hidden {
			all = append(all, candidate{c.name, c.help})
		}
	}
	return all
}

// first are what a command line begins with.
func (t *tab) first(cur string) []candidate {
	if strings.HasPrefix(cur, "-") {
		return []candidate{{"--help", "say what there is"}, {"--profile", "name the client that is meant"}, {"--version", "say which version it is"}}
	}
	return append(t.names(), candidate{"help", "say what there is, or tell more of a command"})
}

// within completes a word of a command; prefix is what stands before it and is
// typed already.
func (t *tab) within(cmd command, words []string, cur string) (prefix, rest string, all []candidate) {
	if cmd.raw {
		return "", cur, t.program(words)
	}
	fs, want := t.flagSet(cmd), ""
	var args []string
	for _, w := range words {
		name, _, given := strings.Cut(strings.TrimLeft(w, "-"), "=")
		switch f := fs.Lookup(name); {
		case want != "":
			want = ""
		case !strings.HasPrefix(w, "-") || w == "-":
			args = append(args, w)
		case f != nil && !given:
			want, _ = flag.UnquoteUsage(f)
		}
	}
	if want != "" {
		return t.listed(want, cur)
	}
	if name, value, given := strings.Cut(cur, "="); given && strings.HasPrefix(cur, "-") {
		f := fs.Lookup(strings.TrimLeft(name, "-"))
		if f == nil {
			return "", cur, nil
		}
		want, _ = flag.UnquoteUsage(f)
		prefix, rest, all = t.listed(want, value)
		return name + "=" + prefix, rest, all
	}
	if strings.HasPrefix(cur, "-") {
		for _, o := range cmd.options() {
			all = append(all, candidate{"--" + o.name, o.text})
		}
		return "", cur, append(all, candidate{"--help", "tell more of it"})
	}
	return "", cur, t.argument(cmd, args)
}

// listed is what a value could become; of several with commas, the last.
func (t *tab) listed(kind, cur string) (prefix, rest string, all []candidate) {
	if i := strings.LastIndexByte(cur, ',') + 1; kind == "FEATURES" {
		prefix, cur = cur[:i], cur[i:]
	}
	return prefix, cur, t.values(kind)
}

// program completes what follows `tidegate run`.
func (t *tab) program(words []string) []candidate {
	switch {
	case len(words) == 0:
		return []candidate{{"--", "the program follows"}}
	case len(words) == 1 && words[0] == "--":
		return []candidate{{value: shellCommands}}
	}
	return []candidate{{value: shellFiles}}
}

// argument completes the argument behind those.
func (t *tab) argument(cmd command, args []string) []candidate {
	kinds := strings.Fields(cmd.args)
	if len(cmd.verbs) > 0 {
		if len(args) == 0 {
			var all []candidate
			for _, v := range cmd.verbs {
				all = append(all, candidate{v.name, v.help})
			}
			return all
		}
		i := slices.IndexFunc(cmd.verbs, func(v verb) bool { return v.name == args[0] })
		if i < 0 {
			return nil
		}
		kinds, args = strings.Fields(cmd.verbs[i].args), args[1:]
	}
	if len(args) >= len(kinds) {
		return nil
	}
	if kinds[len(args)] == "VALUE" {
		return t.settable(args[len(args)-1])
	}
	return t.values(strings.Trim(kinds[len(args)], "[].")) // as in [APP]
}

// values are what may stand where usage says kind.
func (t *tab) values(kind string) (all []candidate) {
	switch kind {
	case "FILE":
		return []candidate{{value: shellFiles}}
	case "SHELL":
		return plain(slices.Sorted(maps.Keys(shells)))
	case "STATE":
		return plain(slices.Sorted(maps.Keys(awaited)))
	case "KIND":
		return plain([]wire.InteractionKind{wire.InteractionMFA, wire.InteractionPassword, wire.InteractionReason, wire.InteractionMessage})
	case "PROTOCOL":
		for _, p := range session.VPNProtocols {
			all = append(all, candidate{string(p), p.Name()})
		}
		return all
	case "FEATURES":
		return plain(session.VPNFeatures)
	case "SETTING":
		return settingNames()
	case "APP", "NAME", "VPN", "ENROLMENT":
		s, err := t.state()
		if err != nil {
			return nil
		}
		return ofState(kind, &s)
	}
	return nil
}

// settable is what a setting can be set to.
func (t *tab) settable(name string) []candidate {
	s, err := t.state()
	if err != nil {
		s = session.State{} // what can always be chosen
	}
	for _, x := range settingsOf(&s) {
		if x.Name == name {
			return plain(x.Values)
		}
	}
	return nil
}

// known asks the running instance of a profile.
func (c *call) known(ctx context.Context, name string) (session.State, error) {
	dial := c.Dial
	if dial == nil {
		dial = func() (Client, error) {
			p, err := profile.Open(name)
			if err != nil {
				return nil, err
			}
			return local.Dial(p)
		}
	}
	client, err := dial()
	if err != nil {
		return session.State{}, err
	}
	defer client.Close()
	return client.State(ctx)
}

// ofState are what the running instance knows by that kind of name.
func ofState(kind string, s *session.State) (all []candidate) {
	if kind == "VPN" {
		for _, v := range s.VPN.Connections {
			all = append(all, candidate{v.Label(), v.Address})
		}
		return all
	}
	if kind == "ENROLMENT" {
		for _, e := range s.Enrolments {
			all = append(all, candidate{e.Label(), e.User})
		}
		return all
	}
	for _, a := range s.Apps {
		if kind == "APP" {
			all = append(all, candidate{string(a.ID), a.Name + ", " + word(a.State)})
		} else if a.Host != "" {
			all = append(all, candidate{a.Host, a.Name})
		}
	}
	slices.SortFunc(all, func(a, b candidate) int { return cmp.Compare(a.value, b.value) })
	return slices.Compact(all)
}

func plain[S ~string](values []S) (all []candidate) {
	for _, v := range values {
		all = append(all, candidate{value: string(v)})
	}
	return all
}
