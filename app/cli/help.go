package cli

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"github.com/tidegate/tidegate/internal/lang"
)

var helpWords = []string{"help", "-h", "--help"}

// exits are the exit codes, in the words of help and manual.
var exits = []struct {
	code int
	text string
}{
	{Done, "done"},
	{Failed, "it failed"},
	{Usage, "wrong usage: the command line makes no sense"},
	{NotRunning, "Tidegate is not running"},
	{Denied, "access is denied, or something is needed of you first"},
	{NotExecutable, "of run: the program cannot be executed; its own code otherwise"},
	{NotFound, "of run: there is no such program"},
}

// UsageText says what there is.
func UsageText() string { return usageText(commands) }

// Alone says whether args are answered without a profile, and so also where
// there is no home.
func Alone(args []string) bool {
	if len(args) == 0 {
		return false
	}
	return slices.Contains(helpWords, args[0]) ||
		slices.ContainsFunc(commands, func(c command) bool { return c.name == args[0] && c.alone })
}

func usageText(all []command) string {
	var b strings.Builder
	b.WriteString("usage: tidegate [--profile NAME] [COMMAND]\n\nWithout a command, Tidegate starts in the tray, or shows the window of the one that runs.\n\n")
	w := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
	for _, c := range all {
		if !c.hidden {
			fmt.Fprintf(w, "  %s\t%s\n", c.title(), c.help)
		}
	}
	w.Flush()
	b.WriteString("\n`tidegate help COMMAND` tells more of one, and which flags it has; every command has --json.\n\nexit codes:\n")
	writeExits(&b, func(int) bool { return true })
	return b.String()
}

func writeExits(b *strings.Builder, has func(code int) bool) {
	for _, e := range exits {
		if has(e.code) {
			fmt.Fprintf(b, "  %3d  %s\n", e.code, e.text)
		}
	}
}

// title is the command with its arguments.
func (cmd command) title() string { return strings.TrimSpace(cmd.name + " " + cmd.args) }

// usage says what there is of one command.
func (cmd command) usage() string {
	var b strings.Builder
	fmt.Fprintf(&b, "usage: tidegate %s\n\n%s\n", cmd.title(), sentence(cmd.help))
	if cmd.about != "" {
		b.WriteString("\n" + wrap(cmd.about, 90) + "\n")
	}
	w := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
	if len(cmd.verbs) > 0 {
		fmt.Fprintln(w)
		for _, v := range cmd.verbs {
			fmt.Fprintf(w, "  %s\t%s\n", strings.TrimSpace(cmd.name+" "+v.name+" "+v.args), v.help)
		}
	}
	flags := cmd.options()
	if len(flags) > 0 {
		fmt.Fprintln(w)
		for _, o := range flags {
			fmt.Fprintf(w, "  %s\t%s\n", strings.TrimSpace("--"+o.name+" "+o.value), o.text)
		}
	}
	w.Flush()
	b.WriteString("\nexit codes:\n")
	writeExits(&b, cmd.exits)
	return b.String()
}

// exits says whether the command may end with that code.
func (cmd command) exits(code int) bool {
	switch code {
	case NotRunning, Denied:
		return !cmd.alone && !cmd.without
	case NotExecutable, NotFound:
		return cmd.name == "run"
	}
	return true
}

// option is a flag of a command.
type option struct {
	name  string
	value string // what its value is called; empty: it has none
	text  string
}

// options are the flags of the command, by name.
func (cmd command) options() (all []option) {
	new(call).flagSet(cmd).VisitAll(func(f *flag.Flag) {
		value, text := flag.UnquoteUsage(f)
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" && f.DefValue != "0s" {
			text += " (" + f.DefValue + " unless you say so)"
		}
		all = append(all, option{f.Name, value, text})
	})
	return all
}

// wrap breaks lines of text that are longer than width.
func wrap(text string, width int) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if utf8.RuneCountInString(line) <= width || strings.HasPrefix(line, " ") {
			b.WriteString(line)
			continue
		}
		column := 0
		for _, word := range strings.Fields(line) {
			n := utf8.RuneCountInString(word)
			switch {
			case column == 0:
			case column+1+n > width:
				b.WriteByte('\n')
				column = 0
			default:
				b.WriteByte(' ')
				column++
			}
			b.WriteString(word)
			column += n
		}
		if strings.HasSuffix(line, "\n") {
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// sentence makes text begin and end as one.
func sentence(text string) string {
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// printHelp tells what there is, or more of one command.
func (c *call) printHelp(args []string) error {
	text := usageText(c.all)
	switch {
	case len(args) > 1:
		return usageError{lang.F("it is: %s", "tidegate help [COMMAND]")}
	case len(args) == 1:
		cmd, err := c.lookup(args[0])
		if err != nil {
			return err
		}
		text = cmd.usage()
	}
	_, err := fmt.Fprint(c.Out, text)
	return err
}
