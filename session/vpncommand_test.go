package session

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Commands about VPNs are the same behind the local socket, and print no secret.
func TestVPNCommandsTravel(t *testing.T) {
	for _, cmd := range []Command{
		SaveVPN{VPNSettings: VPNSettings{ID: "a", Name: "Office", Address: "vpn.example", Protocol: VPNPulse, User: "ada", Group: "staff", Fingerprint: "pin-sha256:AAAA", Features: VPNFeatures}},
		RemoveVPN{Connection: "a"}, ConnectVPN{Connection: "a"}, ConnectVPN{Connection: "a", Raise: true}, DisconnectVPN{Connection: "a"},
		AnswerVPNPrompt{Prompt: "1", Values: []Secret{"pass-canary", ""}}, AnswerVPNPrompt{Prompt: "1"}, CancelVPNPrompt{Prompt: "1"},
	} {
		b, err := EncodeCommand(cmd)
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeCommand(b)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(cmd, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", cmd.command(), diff)
		}
	}
	answer := AnswerVPNPrompt{Prompt: "1", Values: []Secret{"pass-canary"}}
	if got := fmt.Sprintf("%v %+v %#v", answer, answer, answer); strings.Contains(got, "canary") {
		t.Errorf("it prints %s", got)
	}
}
