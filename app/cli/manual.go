package cli

import (
	"fmt"
	"strings"
)

// Manual is the manual page tidegate(1), in roff's man macros.
func Manual() string {
	m := &page{}
	m.line(`.\" Made from the table of commands: go generate ./app/cli`)
	m.line(`.TH TIDEGATE 1 "" "Tidegate" "User Commands"`)
	m.line(".nh") // a command line is not to be hyphenated
	m.section("NAME")
	m.text("tidegate - reach your organisation's applications, each when you use it")
	m.section("SYNOPSIS")
	m.line(`.B tidegate`)
	m.line(`.RB [ \-\-profile`)
	m.line(`.IR NAME ]`)
	m.line(`.RI [ COMMAND ]`)
	m.section("DESCRIPTION")
	m.text("Tidegate is an open zero-trust access client that lives in the tray. Without a command it starts there, or shows the window of the one that runs. Each command asks or commands the one that runs, and does what the window does.")
	m.text("Flags stand before, between or behind the arguments. With --json an answer is JSON, for programs; what went wrong is written to standard error in words, and the exit code says which kind it is.")
	m.text("What commands tell people is in the language that is chosen for Tidegate, or else in the locale's: English, German, French or Spanish. Names of commands, flags and settings, their values, exit codes, help and what --json answers are the same in all.")
	m.section("COMMANDS")
	for _, c := range commands {
		if c.hidden {
			continue
		}
		m.item(c.title(), sentence(c.help))
		m.line(".RS")
		if c.about != "" {
			m.about(c.about)
		}
		for _, v := range c.verbs {
			m.item(strings.TrimSpace(c.name+" "+v.name+" "+v.args), sentence(v.help))
		}
		for _, o := range c.options() {
			if o.name != "json" { // every one has it
				m.item(strings.TrimSpace("--"+o.name+" "+o.value), sentence(o.text))
			}
		}
		m.line(".RE")
	}
	m.section("OPTIONS")
	m.item("--profile NAME", "Means the client of that name: one beside your everyday one, with a configuration, a session and keychain items of its own. It stands before the command.")
	m.item("--json", "Answers with JSON, on every command but run.")
	m.item("--help", "Tells what there is, or, behind a command, more of it.")
	m.item("--version", "Says which version it is.")
	m.section("EXIT STATUS")
	for _, e := range exits {
		m.item(fmt.Sprint(e.code), sentence(e.text))
	}
	m.section("ENVIRONMENT")
	m.item("TIDEGATE_PROFILE", "The profile, where --profile names none.")
	m.item("XDG_CONFIG_HOME, XDG_RUNTIME_DIR", "Where the folder tidegate is, or tidegate-NAME for a profile: its configuration, and its socket, which you alone can reach.")
	m.section("EXAMPLES")
	for _, e := range examples {
		m.item(e.line, sentence(e.text))
	}
	m.section("SEE ALSO")
	m.text("https://github.com/tidegate/tidegate")
	return m.b.String()
}

// examples are command lines to begin with.
var examples = []struct{ line, text string }{
	{"tidegate status --wait active --timeout 1m", "wait until the applications can be reached"},
	{"tidegate open wiki", "open an application in the browser, or be told how"},
	{"tidegate why ledger", "say what decides about it now, until when, and what would cure it"},
	{"pass tidegate | tidegate sign-in", "sign in with a password that another program has"},
	{"tidegate run -- git pull", "have a program reach the applications by their own names, without the helper"},
	{"tidegate apps --json | jq -r '.[] | select(.state == \"needs-you\") | .name'", "list what waits for you"},
}

// page is a manual page being written.
type page struct{ b strings.Builder }

// line writes a line of roff.
func (p *page) line(s string) { p.b.WriteString(s + "\n") }

func (p *page) section(name string) { p.line(".SH " + name) }

// text writes a paragraph.
func (p *page) text(s string) {
	p.line(".PP")
	p.line(roff(s))
}

// item writes what something means.
func (p *page) item(what, text string) {
	p.line(".TP")
	p.line(`.B "` + strings.ReplaceAll(roff(what), `"`, `\(dq`) + `"`)
	p.line(roff(text))
}

// about writes paragraphs; lines that are indented stand as they are.
func (p *page) about(s string) {
	filled := false
	for l := range strings.Lines(s) {
		l = strings.TrimRight(l, "\n")
		indented := strings.HasPrefix(l, " ")
		switch {
		case l == "" || !indented && !filled:
			p.line(".PP")
		case indented:
			p.line(".br")
		}
		if filled = l != "" && !indented; indented {
			l = strings.Join(strings.Fields(l), " ")
		}
		if l != "" {
			p.line(roff(l))
		}
	}
}

// roff writes text so that roff reads nothing into it.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", "\\`", "~", `\(ti`, "^", `\(ha`).Replace(s)
	if strings.HasPrefix(s, ".") {
		s = `\&` + s
	}
	return s
}
