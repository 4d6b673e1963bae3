package cli

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/app/apptest"
	"github.com/tidegate/tidegate/app/profile"
	"github.com/tidegate/tidegate/app/run"
	"github.com/tidegate/tidegate/session"
)

func TestRunPrograms(t *testing.T) {
	usage := "tidegate: it is: tidegate run -- PROGRAM [ARGUMENT...]; `tidegate help` lists the commands\n"
	in := state()
	in.Enrolment.Device = "d1"
	in.Enrolment.Controller = "c:1"
	fresh := session.State{}
	out := signedOut(false)
	out.Enrolment = in.Enrolment
	for _, tt := range []struct {
		name    string
		state   session.State
		args    []string
		fails   error
		program []string
		want    result
	}{
		{"a program", in, []string{"--", "ls", "-l", "--json", "--"}, nil, []string{"ls", "-l", "--json", "--"}, result{}},
		{"without dashes", in, []string{"ls", "-l"}, nil, []string{"ls", "-l"}, result{}},
		{"a program that is called so", in, []string{"--", "--help"}, nil, []string{"--help"}, result{}},
		{"nothing", in, nil, nil, nil, result{code: Usage, err: usage}},
		{"nothing after the dashes", in, []string{"--"}, nil, nil, result{code: Usage, err: usage}},
		{"a flag", in, []string{"--json", "ls"}, nil, nil, result{code: Usage, err: usage}},
		{"help", in, []string{"--help"}, nil, nil, result{out: helpOf(t, "run")}},
		{"there is none", in, []string{"--", "nope"}, &run.NotFoundError{Program: "nope", Err: fs.ErrNotExist}, []string{"nope"},
			result{code: NotFound, err: "tidegate: there is no program nope; check its name, or give its path\n"}},
		{"not to be executed", in, []string{"--", "nope"}, &run.NotFoundError{Program: "nope", Err: fs.ErrPermission}, []string{"nope"},
			result{code: NotExecutable, err: "tidegate: nope cannot be executed; make it executable, or name another program\n"}},
		{"no namespaces", in, []string{"--", "ls"}, errors.New("user namespaces are turned off; allow them"), []string{"ls"},
			result{code: Failed, err: "tidegate: user namespaces are turned off; allow them\n"}},
		{"not enrolled", fresh, []string{"--", "ls"}, nil, nil, result{code: Denied, err: "tidegate: this device is not enrolled; enrol it first: tidegate enrol LINK\n"}},
		{"signed out", out, []string{"--", "ls"}, nil, nil, result{code: Denied, err: "tidegate: sign in first: tidegate sign-in\n"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			src := &apptest.Source{}
			src.Publish(tt.state)
			var started []string
			var stdout, stderr bytes.Buffer
			code := Run(t.Context(), append([]string{"run"}, tt.args...), Options{
				In: strings.NewReader(""), Out: &stdout, Err: &stderr,
				Dial: func() (Client, error) { return running{src, make(chan struct{})}, nil },
				Start: func(_ profile.Profile, program []string) error {
					started = program
					return tt.fails
				},
			})
			if diff := cmp.Diff(tt.want, result{code, stdout.String(), stderr.String()}, cmp.AllowUnexported(result{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.program, started); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The second half is for the first alone.
func TestTheSecondHalf(t *testing.T) {
	for _, args := range [][]string{{"run", "--inside="}, {"run", "--inside=", "/bin/true", "--", "true"}} {
		var stdout, stderr bytes.Buffer
		code := Run(context.Background(), args, Options{In: strings.NewReader(""), Out: &stdout, Err: &stderr})
		if code != Failed || stderr.Len() == 0 {
			t.Errorf("%v: %d %s", args, code, stderr.String())
		}
	}
}

func TestProxy(t *testing.T) {
	src := &apptest.Source{}
	s := state()
	src.Publish(s)
	if got := invoke(t, src, "", "proxy"); got.code != Failed || !strings.HasPrefix(got.err, "tidegate: the proxy does not listen;") {
		t.Errorf("%+v", got)
	}
	s.Local = session.Local{Proxy: netip.MustParseAddrPort("127.0.0.1:21000"), PAC: "http://127.0.0.1:21000/proxy.pac"}
	src.Publish(s)
	want := `
# It leads to your applications alone: set it for programs that need nothing else.
export ALL_PROXY=socks5h://127.0.0.1:21000
# By HTTP, where a program knows that better: http://127.0.0.1:21000
# For browsers and desktops, which send it the applications and nothing else: http://127.0.0.1:21000/proxy.pac
`
	if diff := cmp.Diff(result{out: want[1:]}, invoke(t, src, "", "proxy"), cmp.AllowUnexported(result{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	want = `{
  "proxy": "127.0.0.1:21000",
  "socks": "socks5h://127.0.0.1:21000",
  "http": "http://127.0.0.1:21000",
  "pac": "http://127.0.0.1:21000/proxy.pac"
}
`
	if diff := cmp.Diff(result{out: want}, invoke(t, src, "", "proxy", "--json"), cmp.AllowUnexported(result{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
