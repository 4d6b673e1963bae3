package hook

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// The variables that tell the command where Tidegate is, and that it is Tidegate's.
const (
	SocketEnv = "TIDEGATE_VPN_HOOK"
	TokenEnv  = "TIDEGATE_VPN_TOKEN"
)

const (
	// maxMessage bounds what the command says, in bytes: a long list of networks is
	// 200 kB.
	maxMessage = 4 << 20
	// sayTime bounds how long saying it takes, and patience how long the command waits
	// for Tidegate: the helper may be busy, and an address tried again.
	sayTime  = 10 * time.Second
	patience = 2 * time.Minute
	done     = "done\n" // all is as the server wants it
)

// message is what the command says: one line.
type message struct {
	Token string   `json:"token"`
	Env   []string `json:"env"`
}

// told are the variables of an environment that are about the VPN. What the server
// has said beyond them ("CISCO_CSTP_OPTIONS") may be secret.
func told(env []string) []string {
	var list []string
	for _, e := range env {
		name, _, _ := strings.Cut(e, "=")
		switch {
		case strings.HasSuffix(name, "_OPTIONS"), name == "CISCO_BANNER":
		case name == "reason", name == "TUNDEV", name == "VPNGATEWAY",
			strings.HasPrefix(name, "INTERNAL_"), strings.HasPrefix(name, "CISCO_"):
			list = append(list, e)
		}
	}
	return list
}

func readMessage(r io.Reader) (message, error) {
	line, err := bufio.NewReader(io.LimitReader(r, maxMessage)).ReadBytes('\n')
	if err != nil {
		return message{}, fmt.Errorf("read what the hook says: %w", err)
	}
	var m message
	if err := json.Unmarshal(line, &m); err != nil {
		return message{}, fmt.Errorf("read what the hook says: it is no message")
	}
	return m, nil
}
