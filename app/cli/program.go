package cli

import (
	"context"
	"errors"
	"io/fs"
	"strings"

	"github.com/tidegate/tidegate/app/run"
	"github.com/tidegate/tidegate/internal/lang"
)

// program becomes a program that reaches the applications alone. It returns only
// with an error.
func (c *call) program(ctx context.Context, args []string) error {
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	} else if len(args) > 0 && strings.HasPrefix(args[0], "-") {
		return usageError{lang.F("it is: %s", "tidegate run -- PROGRAM [ARGUMENT...]")}
	}
	if len(args) == 0 {
		return usageError{lang.F("it is: %s", "tidegate run -- PROGRAM [ARGUMENT...]")}
	}
	s, err := c.client.State(ctx)
	if err != nil {
		return err
	}
	switch {
	case !s.Enrolment.Enrolled():
		return deniedError{lang.T("this device is not enrolled; enrol it first: tidegate enrol LINK")}
	case s.User.Name == "":
		return deniedError{lang.T("sign in first: tidegate sign-in")}
	}
	c.client.Close()
	return c.Start(c.Profile, args)
}

// exitOf is the exit code for a program that could not be executed, as shells
// have it.
func exitOf(e *run.NotFoundError) int {
	if errors.Is(e, fs.ErrPermission) {
		return NotExecutable
	}
	return NotFound
}

// proxy tells how programs that know proxies are pointed to ours.
func (c *call) proxy(ctx context.Context, _ []string) error {
	s, err := c.client.State(ctx)
	if err != nil {
		return err
	}
	l := s.Local
	if !l.Proxy.IsValid() {
		return errors.New(lang.T("the proxy does not listen; Tidegate's log says why, and starting it again may help"))
	}
	socks, http := "socks5h://"+l.Proxy.String(), "http://"+l.Proxy.String()
	if c.json {
		return c.write(proxied{l.Proxy.String(), socks, http, l.PAC}, "  ")
	}
	c.say("# It leads to your applications alone: set it for programs that need nothing else.")
	c.say("export ALL_PROXY=%s", socks)
	c.say("# By HTTP, where a program knows that better: %s", http)
	c.say("# For browsers and desktops, which send it the applications and nothing else: %s", l.PAC)
	if len(s.Apps) == 0 {
		c.say("# There are no applications now: %s.", headline(&s))
	}
	return nil
}

// proxied is what `proxy --json` answers.
type proxied struct {
	Proxy string `json:"proxy"` // address and port, for the user's processes alone
	SOCKS string `json:"socks"` // SOCKS5, with names resolved at the gateway
	HTTP  string `json:"http"`
	PAC   string `json:"pac"`
}
