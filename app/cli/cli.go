package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"iter"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/tidegate/tidegate/app/diag"
	"github.com/tidegate/tidegate/app/local"
	"github.com/tidegate/tidegate/app/profile"
	"github.com/tidegate/tidegate/app/run"
	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/internal/plaintext"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// Client is the running instance. *local.Client is one.
type Client interface {
	State(ctx context.Context) (session.State, error)
	Watch(ctx context.Context) iter.Seq[session.State]
	Do(ctx context.Context, cmd session.Command) error
	// Lookup says who answers for a name.
	Lookup(ctx context.Context, name string) (session.Lookup, error)
	// Diagnose has it find out what is wrong.
	Diagnose(ctx context.Context, told func(diag.Progress)) (diag.Report, error)
	// History tells of what happened, further back than a state does.
	History(ctx context.Context, q session.HistoryQuery) (session.History, error)
	// Gone returns when the instance has ended.
	Gone(ctx context.Context) error
	Close()
}

// Options for Run. In, Out and Err are needed.
type Options struct {
	Profile  profile.Profile
	In       io.Reader // a terminal is asked without echo
	Out, Err io.Writer
	// Dial finds the running instance; nil looks for the profile's.
	Dial func() (Client, error)
	// Diagnose finds out what is wrong where no instance runs; nil: nothing does.
	Diagnose func(ctx context.Context, told func(diag.Progress)) (diag.Report, error)
	// Start becomes a program in namespaces of its own; nil is run.Start.
	Start func(p profile.Profile, program []string) error
	// Zone is where times are shown; nil is the local one.
	Zone *time.Location
}

// command is one of the commands. Help, completion and the manual are made from it.
type command struct {
	name, args, help string
	about            string // more, for the manual
	verbs            []verb // what the first argument may be, where it is a word of ours
	run              func(*call, context.Context, []string) error
	flags            func(*call, *flag.FlagSet)
	want             int  // how many arguments
	more             int  // and how many besides, at the caller's choice
	raw              bool // what follows is not ours to read
	alone            bool // needs no running instance
	without          bool // makes do without a running instance
	hidden           bool // is for programs of ours
}

// verb is a word that follows a command.
type verb struct{ name, args, help string }

var commands = []command{
	{name: "status", help: "say whether applications can be reached, and what is needed", run: (*call).status, flags: statusFlags},
	{name: "apps", help: "list the applications", run: (*call).apps},
	{name: "open", args: "APP", help: "open an application, by id or name", run: (*call).open, want: 1},
	{name: "why", args: "APP", help: "say why an application is as it is", run: (*call).why, want: 1},
	{name: "today", help: "say when access is open today, when you will be asked, and when it ends", about: todayAbout, run: (*call).today, flags: todayFlags},
	{name: "events", help: "tell what has happened", about: eventsAbout, run: (*call).events, flags: eventsFlags},
	{name: "sign-in", help: "sign in; asks for password and code, or reads them from standard input", run: (*call).signIn, flags: timeoutFlag},
	{name: "sign-out", help: "end the session", run: (*call).signOut, flags: timeoutFlag},
	{name: "answer", args: "[APP]", help: "answer what is asked of you now, or by APP; asks for it, or reads a line for each", run: (*call).respond, flags: answerFlags, more: 1},
	{name: "enrol", args: "LINK", help: "enrol this device, beside what it is enrolled with already; - reads the link from standard input", run: (*call).enrol, flags: timeoutFlag, want: 1},
	{name: "enrolments", help: "list whose controllers this device is enrolled with, and which is active", run: (*call).enrolments},
	{name: "switch", args: "ENROLMENT", help: "make another enrolment the active one", about: switchAbout, run: (*call).switchTo, flags: timeoutFlag, want: 1},
	{name: "forget", args: "ENROLMENT", help: "remove an enrolment from this device; asks first", about: forgetAbout, run: (*call).forget, flags: forgetFlags, want: 1},
	{name: "pause", help: "suspend the data channels now; what is open rests, and what is used next resumes", run: (*call).pause},
	{name: "run", args: "-- PROGRAM [ARGUMENT...]", help: "run a program in a network of its own that leads to your applications alone", run: (*call).program, want: 1, raw: true},
	{name: "proxy", help: "say where the SOCKS5 and HTTP proxy is, ready to paste", run: (*call).proxy},
	{name: "dns", args: "[explain NAME]", help: "say how programs find your applications by name, or who answers for NAME, and why", run: (*call).dns, more: 2, verbs: dnsVerbs},
	{name: "vpn", args: "[WHAT [VPN]]", help: "say which classic VPNs there are, and what is in the way; or add, edit, remove, connect or disconnect one", run: (*call).vpn, flags: vpnFlags, more: 2, verbs: vpnVerbs},
	{name: "diag", help: "find out what is wrong and what to do about it, and save what the helpdesk needs", about: diagAbout, run: (*call).diag, flags: diagFlags, without: true},
	{name: "settings", args: "[WHAT [SETTING [VALUE]]]", help: "say what is set, by whom, and to what; or show or set one", run: (*call).settings, more: 3, verbs: settingsVerbs},
	{name: "window", help: "show the window", run: (*call).window},
	{name: "quit", help: "end Tidegate", run: (*call).quit, flags: timeoutFlag},
	{name: "completion", args: "SHELL", help: "write what has bash, zsh or fish complete commands", about: completionAbout, run: (*call).completion, want: 1, alone: true},
	{name: "__complete", run: (*call).complete, raw: true, alone: true, hidden: true},
}

// call is one command being carried out.
type call struct {
	Options
	all      []command // the table, which refers to what reads it
	answered *outlet
	client   Client
	json     bool
	wait     string
	timeout  time.Duration
	follow   bool
	since    string
	search   string
	week     bool
	with     string
	yes      bool
	out      string
	vpnSet   vpnGiven
}

// Run carries out the command in args and returns the exit code.
func Run(ctx context.Context, args []string, o Options) int {
	c := &call{Options: o, all: commands}
	c.answered = &outlet{Writer: o.Out}
	c.Out = c.answered
	if c.Zone == nil {
		c.Zone = time.Local
	}
	if c.Start == nil {
		c.Start = run.Start
	}
	if run.Asked(args) { // by run.Start
		return c.fail(run.Inside(args))
	}
	if len(args) == 0 {
		return c.fail(usageError{lang.T("say what to do")})
	}
	if slices.Contains(helpWords, args[0]) {
		return c.fail(c.printHelp(args[1:]))
	}
	cmd, err := c.lookup(args[0])
	if err != nil {
		return c.fail(err)
	}
	if c.Dial == nil && !cmd.alone {
		c.Dial = func() (Client, error) { return local.Dial(o.Profile) }
	}
	rest := args[1:]
	if !cmd.raw {
		rest, err = c.parse(cmd, rest)
	} else if !cmd.hidden && (slices.Equal(rest, []string{"-h"}) || slices.Equal(rest, []string{"--help"})) {
		err = flag.ErrHelp
	}
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(c.Out, cmd.usage())
		return c.fail(nil)
	}
	if err == nil && !cmd.alone {
		if c.client, err = c.Dial(); err == nil {
			defer c.client.Close()
			c.client = &spoken{Client: c.client}
		} else if cmd.without && errors.Is(err, local.ErrNotRunning) {
			c.client, err = nil, nil
		}
	}
	if err == nil {
		err = cmd.run(c, ctx, rest)
	}
	return c.fail(err)
}

// lookup finds a command of the table.
func (c *call) lookup(name string) (command, error) {
	var known []string
	for _, cmd := range c.all {
		if cmd.name == name {
			return cmd, nil
		}
		if !cmd.hidden {
			known = append(known, cmd.name)
		}
	}
	if strings.HasPrefix(name, "-") {
		return command{}, usageError{lang.F("a command comes first, and its flags, such as %s, behind it", name)}
	}
	return command{}, usageError{lang.F("there is no command %q%s", name, hint(name, known))}
}

// flagSet are the flags of a command, which set what c is to go by.
func (c *call) flagSet(cmd command) *flag.FlagSet {
	fs := flag.NewFlagSet(cmd.name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	if cmd.raw {
		return fs
	}
	fs.BoolVar(&c.json, "json", false, "answer with JSON, for programs")
	if cmd.flags != nil {
		cmd.flags(c, fs)
	}
	return fs
}

// parse reads flags before, between and after the arguments.
func (c *call) parse(cmd command, args []string) ([]string, error) {
	fs := c.flagSet(cmd)
	var rest []string
	for len(args) > 0 {
		if args[0] == "-" {
			rest, args = append(rest, "-"), args[1:]
			continue
		}
		if err := fs.Parse(args); errors.Is(err, flag.ErrHelp) {
			return nil, err
		} else if err != nil {
			return nil, usageError{err.Error()}
		}
		args = fs.Args()
		if len(args) > 0 {
			rest, args = append(rest, args[0]), args[1:]
		}
	}
	if len(rest) < cmd.want || len(rest) > cmd.want+cmd.more {
		return nil, usageError{lang.F("it is: %s", strings.TrimSpace("tidegate "+cmd.name+" "+cmd.args))}
	}
	return rest, nil
}

func timeoutFlag(c *call, fs *flag.FlagSet) {
	fs.DurationVar(&c.timeout, "timeout", 30*time.Second, "wait no longer than `DURATION`")
}

func answerFlags(c *call, fs *flag.FlagSet) {
	timeoutFlag(c, fs)
	fs.StringVar(&c.with, "with", "", "where there is a choice, answer with `KIND`: mfa, password, reason or message")
}

// usageError is a command line that makes no sense.
type usageError struct{ text string }

func (e usageError) Error() string {
	if lister.MatchString(e.text) { // it says already where to look
		return e.text
	}
	return lang.F("%s; `tidegate help` lists the commands", e.text)
}

// lister is a command that lists what there is.
var lister = regexp.MustCompile("`tidegate [a-z]+`")

// deniedError is a denial, or something that the user has to do first.
type deniedError struct{ text string }

func (e deniedError) Error() string { return e.text }

// fail tells of err and returns the exit code for it.
func (c *call) fail(err error) int {
	if err == nil && c.answered.err != nil {
		err = fmt.Errorf(lang.T("write the answer: %w"), c.answered.err)
	}
	if err == nil {
		return Done
	}
	fmt.Fprintln(c.Err, "tidegate: "+plaintext.Line(lang.Told(err.Error())))
	var usage usageError
	var denied deniedError
	var problem *wire.Problem
	var missing *run.NotFoundError
	switch {
	case errors.As(err, &missing):
		return exitOf(missing)
	case errors.As(err, &usage):
		return Usage
	case errors.Is(err, local.ErrNotRunning):
		return NotRunning
	case errors.As(err, &denied), errors.As(err, &problem) && problem.Code == wire.CodeDenied:
		return Denied
	}
	return Failed
}

// clock writes an instant for people who read it at now.
func (c *call) clock(t, now time.Time) string {
	if t.IsZero() {
		return ""
	}
	t, now = t.In(c.Zone), now.In(c.Zone)
	if t.Year() == now.Year() && t.YearDay() == now.YearDay() {
		return t.Format("15:04:05")
	}
	return lang.Time(t, "2 Jan 15:04")
}
