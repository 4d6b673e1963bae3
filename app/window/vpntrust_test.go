package window

import "testing"

// A server that the one of the address sends on to is asked about by its own name, and
// the keys of both stand with the connection.
func TestCertificateOfAnotherServer(t *testing.T) {
	b := newBench(t, alwaysDark)
	s := vpnTrusts("")
	s.VPN.Prompt.Host = "far.example"
	b.apply(s)
	b.says(trustText("far.example"))
	if got := grouped("pin-sha256:AAAABBB= pin-sha256:CCCC"); got != "pin-sha256: AAAA BBB=\npin-sha256: CCCC" {
		t.Errorf("the keys are %q", got)
	}
}
