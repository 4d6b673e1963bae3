package session

import (
	"context"

	"github.com/tidegate/tidegate/internal/lang"
)

// Host is this machine around the client: whether it starts with the desktop, and the
// helper. Implemented by app/host.
type Host interface {
	// Login says whether the client starts with the desktop; SetLogin has it do so, or
	// no longer. They take no time.
	Login() (Login, error)
	SetLogin(on bool) error
	// Helper looks at the helper, which takes a moment.
	Helper(ctx context.Context) Helper
	// SetUpHelper has the helper started, and lets this user use it. The desktop asks
	// for an administrator's password meanwhile.
	SetUpHelper(ctx context.Context) *Problem
}

// Login says whether the client starts when its user signs in to the desktop.
type Login string

// It does or does not. The zero value: this system cannot say.
const (
	LoginUnknown Login = ""
	LoginOn      Login = "on"
	LoginOff     Login = "off"
)

// Helper is what makes network devices for the client, as root.
type Helper struct {
	Phase HelperPhase `json:"phase,omitempty"`
	// Version of what is installed; empty: it does not say.
	Version string `json:"version,omitempty"`
	// Command sets it up, typed in a terminal; empty: nothing here does.
	Command string `json:"command,omitempty"`
	// Working: it is being set up. Problem is why that came to nothing.
	Working bool     `json:"working,omitempty"`
	Problem *Problem `json:"problem,omitempty"`
}

// HelperPhase says whether the helper can be used.
type HelperPhase string

// The phases. The zero value: nobody has looked, or this system has none.
const (
	HelperUnknown HelperPhase = ""
	HelperAbsent  HelperPhase = "absent"  // it is not installed
	HelperStopped HelperPhase = "stopped" // installed, and not started
	HelperClosed  HelperPhase = "closed"  // started, and this user is not in its group
	HelperWaiting HelperPhase = "waiting" // this user will be in its group from the next sign-in to the desktop on
	HelperReady   HelperPhase = "ready"
)

// CanSetUp says whether SetUpHelper may do some good.
func (h Helper) CanSetUp() bool {
	return (h.Phase == HelperStopped || h.Phase == HelperClosed) && h.Command != ""
}

// hostFacts are what is known of the host.
type hostFacts struct {
	login   Login
	helper  Helper
	looking bool // at the helper
	setting bool // it up
}

// lookAround asks the host anew.
func (c *core) lookAround() {
	host := c.o.Host
	if host == nil {
		return
	}
	login, err := host.Login()
	if err != nil {
		c.o.Log.Warn("look whether the client starts with the desktop", "error", err)
	}
	c.host.login = login
	if c.host.looking {
		return
	}
	c.host.looking = true
	c.run(func(ctx context.Context) func(*core) {
		found := host.Helper(ctx)
		return func(c *core) {
			c.host.looking = false
			c.helperIs(found)
		}
	})
}

// helperIs takes what there is of the helper. What setting it up came to stays told
// until that is over.
func (c *core) helperIs(found Helper) {
	if found.CanSetUp() {
		found.Problem = c.host.helper.Problem
	}
	c.host.helper = found
}

func (c *core) doStartAtLogin(cmd StartAtLogin) error {
	if c.o.Host == nil {
		return says("Tidegate cannot have itself started on this system; use the system's own settings")
	}
	if err := c.o.Host.SetLogin(cmd.On); err != nil {
		return err
	}
	c.lookAround()
	return nil
}

func (c *core) doSetUpHelper() error {
	host := c.o.Host
	switch {
	case host == nil || c.host.helper.Phase == HelperUnknown:
		return says("there is no helper for this system")
	case c.host.setting:
		return errBusy
	case c.host.helper.Phase == HelperAbsent:
		return says("the helper is not installed; install Tidegate's package, which brings it")
	case !c.host.helper.CanSetUp():
		return nil
	}
	c.host.setting, c.host.helper.Problem = true, nil
	c.run(func(ctx context.Context) func(*core) {
		p := host.SetUpHelper(ctx)
		found := host.Helper(ctx)
		return func(c *core) {
			c.host.setting, c.host.helper.Problem = false, p
			c.helperIs(found)
			if p == nil {
				c.notes = append(c.notes, Event{Kind: "helper-set-up", Text: lang.T("The helper was set up")})
			}
		}
	})
	return nil
}
