package session

import (
	"slices"
	"strings"

	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/internal/wire"
)

// doVPN carries out a command about classic VPNs. What it comes to is reported.
func (c *core) doVPN(cmd Command) error {
	if c.o.Classic == nil {
		return says("this system cannot connect a classic VPN yet; connect it with its own program")
	}
	switch cmd := cmd.(type) {
	case SaveVPN:
		return c.doSaveVPN(cmd)
	case RemoveVPN:
		return c.o.Classic.Remove(cmd.Connection)
	case ConnectVPN:
		return c.doConnectVPN(cmd)
	case DisconnectVPN:
		delete(c.beside.begun, cmd.Connection)
		delete(c.beside.raise, cmd.Connection)
		return c.o.Classic.Disconnect(cmd.Connection)
	case AnswerVPNPrompt:
		return c.doAnswerVPN(cmd)
	case CancelVPNPrompt:
		p, err := c.askedVPN(cmd.Prompt)
		if err != nil {
			return nil // it is asked no more, which was wanted
		}
		delete(c.beside.raise, p.Connection)
		return c.o.Classic.Cancel(cmd.Prompt)
	}
	return says("this version does not know that command")
}

func (c *core) doSaveVPN(cmd SaveVPN) error {
	s, err := cmd.VPNSettings.Checked()
	if err != nil {
		return err
	}
	if s.Fingerprint != "" && s.Fingerprint != c.vpn.fact(s.ID).Fingerprint {
		return says("a server's fingerprint is not typed in; leave it out, and you are asked when you connect")
	}
	for _, other := range c.vpn.Connections {
		if other.ID != s.ID && strings.EqualFold(other.Label(), s.Label()) {
			return says("there is another connection of that name; choose another name")
		}
	}
	return c.o.Classic.Save(s)
}

func (c *core) doConnectVPN(cmd ConnectVPN) error {
	if err := c.o.Classic.Connect(cmd.Connection); err != nil {
		return err
	}
	in, id := &c.beside, cmd.Connection
	if was := c.vpn.fact(id); was.ID != "" && was.Phase == VPNDisconnected {
		in.begun[id] = vpnBegun{was, c.now()}
	}
	in.used[id] = c.now()
	delete(in.raise, id)
	if cmd.Raise {
		in.raise[id] = true
	}
	return nil
}

// askedVPN is the prompt of that id, where it is asked now.
func (c *core) askedVPN(id string) (*VPNPrompt, error) {
	p := c.vpn.Prompt
	if p == nil || p.ID != id {
		return nil, errNotAsked
	}
	return p, nil
}

func (c *core) doAnswerVPN(cmd AnswerVPNPrompt) error {
	p, err := c.askedVPN(cmd.Prompt)
	if err != nil {
		return err
	}
	if p.Busy || c.beside.answered == p.ID {
		return errBusy
	}
	want := len(p.Fields)
	if p.Kind == VPNCertificate {
		want = 0
	}
	if len(cmd.Values) != want {
		return says("fill in all that is asked")
	}
	for i, v := range cmd.Values {
		f, text := p.Fields[i], string(v)
		switch {
		case len(text) > wire.MaxSecret:
			return says("what was typed for %s is too long", f.label())
		case strings.ContainsAny(text, "\r\n\x00"):
			return says("what was typed for %s is more than one line", f.label())
		case f.Kind == VPNChoice && !slices.Contains(f.Choices, text):
			return says("choose one of those that are offered for %s", f.label())
		}
	}
	if err := c.o.Classic.Answer(cmd.Prompt, cmd.Values); err != nil {
		return err
	}
	c.beside.answered = p.ID
	c.beside.used[p.Connection] = c.now()
	return nil
}

// label names a field within a sentence.
func (f VPNField) label() string {
	if l := strings.TrimRight(strings.TrimSpace(f.Label), ":"); l != "" {
		return lang.F("“%s”", l)
	}
	return lang.T("what is asked")
}
