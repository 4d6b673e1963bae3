// Package gather makes a diagnosis: it looks at the session's state, at this
// machine and at the ways to the controller and the gateways, all at once, each
// for at most a few seconds. The tray process runs it for the window and for
// `tidegate diag`, which runs it itself where there is no tray process.
//
// It uses the same sockets as the channels do, changes nothing, and asks for no
// secret: see package diag. A Gatherer is safe for concurrent use; one diagnosis
// runs at a time, and has ended with all that it started when Diagnose returns.
package gather

import (
	"context"
	"os"
	"runtime"
	"time"

	"github.com/tidegate/tidegate/app/diag"
	"github.com/tidegate/tidegate/internal/underlay"
	"github.com/tidegate/tidegate/session"
	"github.com/tidegate/tidegate/session/control"
)

const (
	// each bounds what is looked at, whole all of it.
	each  = 5 * time.Second
	whole = 20 * time.Second
	// maxFile bounds a file, in bytes: what is longer is cut off.
	maxFile = 2 << 20
)

// Options for New. All but Version may be left out, and what needs them is not
// looked at then.
type Options struct {
	Version string
	// State tells the session's; nil: Tidegate does not run.
	State func(context.Context) (session.State, error)
	// Enrolled reads the enrolment.
	Enrolled func() (session.Enrolled, error)
	// Peers tells who is connected to, and as whom.
	Peers func() Peers
	// Explain says who answers for a name.
	Explain func(name string) (session.Lookup, error)
	// Underlay has sockets leave by the right adapter.
	Underlay *underlay.Underlay
	// Helper is the path of the helper's socket; empty: the system's.
	Helper string
	// Log is the text of the last lines of the program's log.
	Log func() string
	// Now, Getenv and Home are this system's; nil and empty: the real ones.
	Now    func() time.Time
	Getenv func(string) string
	Home   string
}

// Gatherer makes diagnoses. Make it with New.
type Gatherer struct {
	o     Options
	turn  chan struct{} // holds one while a diagnosis runs
	clean *diag.Cleaner
}

// New makes a Gatherer. It starts nothing.
func New(o Options) *Gatherer {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	if o.Home == "" {
		o.Home, _ = os.UserHomeDir()
	}
	return &Gatherer{o: o, turn: make(chan struct{}, 1), clean: &diag.Cleaner{Home: o.Home}}
}

// run is one diagnosis.
type run struct {
	Options
	state    session.State
	running  bool // state is a running session's
	enrolled session.Enrolled
	unread   error // why enrolled is not known
	peers    Peers
	control  *control.Controller
}

// found is what looking at one thing came to.
type found struct {
	checks []check
	files  []diag.File
}

// look is one thing to look at. What it starts ends with its context.
type look struct {
	title said
	at    func(context.Context) found
}

// Diagnose looks at everything. told is called with the progress, on the
// caller's goroutine; nil is for nobody. The error is ctx's.
func (g *Gatherer) Diagnose(ctx context.Context, told func(diag.Progress)) (diag.Report, error) {
	select {
	case g.turn <- struct{}{}:
		defer func() { <-g.turn }()
	case <-ctx.Done():
		return diag.Report{}, context.Cause(ctx)
	}
	bound, cancel := context.WithTimeout(ctx, whole)
	defer cancel()
	r := g.begin(bound)
	looks := r.looks()
	results := make([]found, len(looks))
	ended := make(chan int)
	for i, l := range looks {
		go func() {
			bound, cancel := context.WithTimeout(bound, each)
			defer cancel()
			results[i] = l.at(bound)
			ended <- i
		}()
	}
	var title said
	for done := range len(looks) + 1 {
		if done > 0 {
			title = looks[<-ended].title
		}
		if told != nil {
			told(diag.Progress{Done: done, Total: len(looks), Title: title.english, Here: title.here})
		}
	}
	if ctx.Err() != nil {
		return diag.Report{}, context.Cause(ctx)
	}
	return g.report(&r, results), nil
}

// begin asks for what everything else needs.
func (g *Gatherer) begin(ctx context.Context) run {
	r := run{Options: g.o, control: &control.Controller{Underlay: g.o.Underlay}}
	if r.State != nil {
		ctx, cancel := context.WithTimeout(ctx, each)
		defer cancel()
		s, err := r.State(ctx)
		r.state, r.running = s, err == nil
	}
	if r.Enrolled != nil {
		r.enrolled, r.unread = r.Enrolled()
	}
	if r.Peers != nil {
		r.peers = r.Peers()
	}
	return r
}

// looks are all things to look at, in the order of the report.
func (r *run) looks() []look {
	all := []look{{say("Tidegate itself"), r.session}}
	if r.enrolled.Enrolled() {
		all = append(all,
			look{say("The controller's name"), r.controllerName},
			look{say("The controller"), r.controller},
			look{say("The path to the controller"), func(ctx context.Context) found {
				return r.path(ctx, "controller", say("Packets' size on the way to the controller"), r.enrolled.Controller)
			}})
	}
	for _, p := range r.peers.gateways() {
		all = append(all,
			look{say("The gateway %s", p.Name), func(ctx context.Context) found { return r.gateway(ctx, p) }},
			look{say("The path to the gateway %s", p.Name), func(ctx context.Context) found {
				return r.path(ctx, "gateway-"+p.Name, say("Packets' size on the way to the gateway %s", p.Name), p.Address)
			}})
	}
	return append(all,
		look{say("Names"), r.names},
		look{say("The helper"), r.helper},
		look{say("The network"), r.network},
		look{say("Proxies"), r.proxies},
		look{say("Versions"), r.versions})
}

// report puts everything together, cleaned.
func (g *Gatherer) report(r *run, results []found) diag.Report {
	rep := diag.Report{At: r.Now(), Version: r.Version}
	var checks []check
	var files []diag.File
	for _, f := range results {
		checks = append(checks, f.checks...)
		files = append(files, f.files...)
	}
	english, both := cleaned(checks, g.clean)
	rep.Checks = english // of which the files are made
	add := func(name, text string) { rep.Files = append(rep.Files, diag.File{Name: name, Text: text}) }
	add("summary.txt", rep.Summary())
	addJSON := func(name string, v any) {
		text, err := g.clean.JSON(v)
		if err != nil {
			text = "not written: " + err.Error() + "\n"
		}
		add(name, text)
	}
	addJSON("checks.json", english)
	rep.Checks = both
	for _, f := range files {
		add(f.Name, g.clean.Text(f.Text))
	}
	if r.running {
		s := r.state
		add("events.txt", g.clean.Text(eventsText(s.Events)))
		s.Events = nil
		addJSON("state.json", s)
	}
	if r.Log != nil {
		if text := r.Log(); text != "" {
			add("log.txt", g.clean.Text(text))
		}
	}
	for i := range rep.Files {
		if f := &rep.Files[i]; len(f.Text) > maxFile {
			f.Text = f.Text[:maxFile] + "\n[cut off here: the file is too long]\n"
		}
	}
	return rep
}

func (r *run) versions(context.Context) found {
	text := "tidegate " + r.Version + "\n" + buildText() + runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH + "\n" + systemText() + r.desktop()
	return found{files: []diag.File{{Name: "versions.txt", Text: text}}}
}
