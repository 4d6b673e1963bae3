package session

import "fmt"

// doVPN carries out a command about classic VPNs. What it comes to is reported.
func (c *core) doVPN(cmd Command) error {
	if c.o.Classic == nil {
		return fmt.Errorf("this system cannot connect a classic VPN yet; connect it with its own program")
	}
	switch cmd := cmd.(type) {
	case SaveVPN:
		return c.o.Classic.Save(cmd.VPNSettings)
	case RemoveVPN:
		return c.o.Classic.Remove(cmd.Connection)
	case ConnectVPN:
		return c.o.Classic.Connect(cmd.Connection)
	case DisconnectVPN:
		return c.o.Classic.Disconnect(cmd.Connection)
	case AnswerVPNPrompt:
		return c.o.Classic.Answer(cmd.Prompt, cmd.Values)
	case CancelVPNPrompt:
		return c.o.Classic.Cancel(cmd.Prompt)
	}
	return fmt.Errorf("this version does not know that command")
}
