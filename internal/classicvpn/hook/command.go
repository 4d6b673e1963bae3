package hook

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// Tell is the command: it tells the Tidegate that its environment names what
// openconnect has said, and waits until all is done. An error is of one line.
func Tell(env []string) error {
	value := func(name string) (v string) {
		for _, e := range env {
			if rest, ok := strings.CutPrefix(e, name+"="); ok {
				v = rest
			}
		}
		return v
	}
	socket, token := value(SocketEnv), value(TokenEnv)
	if socket == "" || token == "" {
		return errors.New("openconnect runs this for Tidegate; there is nothing to run by hand")
	}
	c, err := net.DialTimeout("unix", socket, sayTime)
	if err != nil {
		return fmt.Errorf("reach Tidegate: it has ended, or has no use for this VPN any more")
	}
	defer c.Close()
	b, err := json.Marshal(message{Token: token, Env: told(env)})
	if err != nil {
		return fmt.Errorf("tell Tidegate: %w", err)
	}
	c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("tell Tidegate: %w", err)
	}
	if answer, err := io.ReadAll(io.LimitReader(c, 64)); err != nil || string(answer) != done {
		return errors.New("Tidegate has refused it")
	}
	return nil
}
