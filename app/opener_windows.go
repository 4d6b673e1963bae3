package app

import "os/exec"

// opener is the system's program that opens a URL in the user's browser.
func opener(u string) *exec.Cmd {
	return exec.Command("rundll32", "url.dll,FileProtocolHandler", u)
}
