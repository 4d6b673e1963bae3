package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/app/apptest"
	"github.com/tidegate/tidegate/app/diag"
	"github.com/tidegate/tidegate/app/local"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// broken is an instance whose every answer is an error.
type broken struct {
	Client
	err error
}

func (b broken) State(context.Context) (session.State, error) { return session.State{}, b.err }
func (b broken) Watch(context.Context) iter.Seq[session.State] {
	return func(func(session.State) bool) {}
}
func (b broken) Do(context.Context, session.Command) error { return b.err }
func (b broken) Lookup(context.Context, string) (session.Lookup, error) {
	return session.Lookup{}, b.err
}
func (b broken) Gone(context.Context) error { return b.err }
func (b broken) History(context.Context, session.HistoryQuery) (session.History, error) {
	return session.History{}, b.err
}
func (b broken) Close() {}
func (b broken) Diagnose(context.Context, func(diag.Progress)) (diag.Report, error) {
	return diag.Report{}, b.err
}

// line is a command line of that command that makes sense.
func (cmd command) line() []string {
	if cmd.raw {
		return []string{cmd.name, "--", "program"}
	}
	args := []string{cmd.name}
	for _, word := range strings.Fields(cmd.args)[:cmd.want] {
		switch word {
		case "LINK":
			word = "tidegate:enrol?controller=h:1&ca=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA&code=c"
		case "SHELL":
			word = "bash"
		}
		args = append(args, word)
	}
	return args
}

// What an instance answers decides the exit code, of every command.
func TestExitCodes(t *testing.T) {
	denied := &wire.Problem{Code: wire.CodeDenied, Title: "An administrator said no"}
	for _, tt := range []struct {
		name string
		dial error
		err  error
		want int
	}{
		{"it fails", nil, errors.New("the disk is full"), Failed},
		{"it ends meanwhile", nil, local.ErrNotRunning, NotRunning},
		{"it does not run", local.ErrNotRunning, nil, NotRunning},
		{"it is somebody else's", errors.New("somebody else answers"), nil, Failed},
		{"it is denied", nil, denied, Denied},
	} {
		for _, cmd := range commands {
			if cmd.alone || cmd.without || cmd.hidden {
				continue
			}
			t.Run(cmd.name+", "+tt.name, func(t *testing.T) {
				var out, errs bytes.Buffer
				code := Run(t.Context(), cmd.line(), Options{In: strings.NewReader(""), Out: &out, Err: &errs,
					Dial: func() (Client, error) { return broken{err: tt.err}, tt.dial }})
				want := tt.want
				if tt.dial == nil && slices.Contains(watching, cmd.name) {
					want = Failed // it has seen nothing but the end
				}
				if code != want || out.Len() > 0 || !strings.HasPrefix(errs.String(), "tidegate: ") || strings.Count(errs.String(), "\n") != 1 {
					t.Errorf("%d, want %d; %q %q", code, want, out.String(), errs.String())
				}
				if !cmd.exits(code) {
					t.Errorf("%s --help does not tell of %d", cmd.name, code)
				}
			})
		}
	}
}

// watching are the commands that begin with watching.
var watching = []string{"sign-in"}

// Whatever the command, what makes no sense is wrong usage, and needs no instance.
func TestWrongUsage(t *testing.T) {
	for _, cmd := range commands {
		if cmd.hidden {
			continue
		}
		lines := [][]string{append(cmd.line(), slices.Repeat([]string{"x"}, cmd.more+1)...), append(cmd.line(), "--no-such-flag")}
		if cmd.want > 0 {
			lines = append(lines, []string{cmd.name})
		}
		if cmd.raw {
			lines = [][]string{{cmd.name, "--no-such-flag"}}
		}
		for _, args := range lines {
			got := invoke(t, &apptest.Source{}, "", args...)
			if got.code != Usage || got.out != "" || !strings.HasPrefix(got.err, "tidegate: ") {
				t.Errorf("%v: %+v", args, got)
			}
		}
	}
}

// With --json, what is done is JSON and nothing else.
func TestDoneIsJSON(t *testing.T) {
	s := state()
	s.Local.Proxy = netip.MustParseAddrPort("127.0.0.1:1080")
	for _, line := range []string{"status", "apps", "open wiki", "why wiki", "events", "sign-in", "pause", "proxy", "dns",
		"dns explain www.example.com", "vpn", "settings", "settings show idle", "window", "quit", "completion fish"} {
		t.Run(line, func(t *testing.T) {
			r := running{&apptest.Source{}, make(chan struct{})}
			r.Publish(s)
			r.Answer = func(cmd session.Command) error {
				if cmd == (session.Quit{}) {
					close(r.end)
				}
				return nil
			}
			got := invokeOn(t, r, "", append(strings.Fields(line), "--json")...)
			if got.code != Done || got.err != "" || got.out == "" {
				t.Fatalf("%+v", got)
			}
			for d := json.NewDecoder(strings.NewReader(got.out)); d.More(); {
				var v any
				if err := d.Decode(&v); err != nil {
					t.Fatalf("%v in:\n%s", err, got.out)
				}
			}
		})
	}
}
