package packaging

import (
	"encoding/xml"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What polkit lets be run as root is one program of the package's, after an
// administrator's password, and never another because somebody was asked before.
func TestPolicy(t *testing.T) {
	text, err := os.ReadFile("linux/helper/org.tidegate.helper.policy")
	if err != nil {
		t.Fatal(err)
	}
	var policy struct {
		XMLName xml.Name `xml:"policyconfig"`
		Icon    string   `xml:"icon_name"`
		Actions []struct {
			ID       string   `xml:"id,attr"`
			Texts    []string `xml:"description"`
			Messages []string `xml:"message"`
			Defaults struct {
				Any      string `xml:"allow_any"`
				Inactive string `xml:"allow_inactive"`
				Active   string `xml:"allow_active"`
			} `xml:"defaults"`
			Notes []struct {
				Key  string `xml:"key,attr"`
				Text string `xml:",chardata"`
			} `xml:"annotate"`
		} `xml:"action"`
	}
	d := xml.NewDecoder(strings.NewReader(string(text)))
	d.Strict = true
	if err := d.Decode(&policy); err != nil {
		t.Fatal(err)
	}
	if policy.Icon != id || len(policy.Actions) != 1 {
		t.Fatalf("%+v", policy)
	}
	a := policy.Actions[0]
	if a.ID != "org.tidegate.helper.setup" || len(a.Texts) != 4 || len(a.Messages) != 4 {
		t.Errorf("%s has %d names and %d questions, one for each language", a.ID, len(a.Texts), len(a.Messages))
	}
	if d := a.Defaults; d.Any != "auth_admin" || d.Inactive != "auth_admin" || d.Active != "auth_admin" {
		t.Errorf("who may: %+v", d)
	}
	if len(a.Notes) != 1 || a.Notes[0].Key != "org.freedesktop.policykit.exec.path" || a.Notes[0].Text != "/usr/libexec/tidegate-helper-setup" {
		t.Errorf("what may be run: %+v", a.Notes)
	}
}

// What sets the helper up takes nothing from whoever has it run.
func TestSetupRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		env  string
		args []string
	}{"an argument": {"PKEXEC_UID=1000", []string{"eve"}}, "a name": {"PKEXEC_UID=eve", nil}, "an option": {"SUDO_UID=-1", nil}} {
		cmd := exec.CommandContext(t.Context(), "sh", append([]string{"linux/helper/setup.sh"}, c.args...)...)
		cmd.Env = []string{"PATH=" + t.TempDir(), c.env} // nothing is found there to do harm with
		if out, err := cmd.CombinedOutput(); err == nil || !strings.HasPrefix(string(out), "tidegate-helper-setup: ") {
			t.Errorf("%s: %v: %s", name, err, out)
		}
	}
}

// Nor does it run a program of theirs: where programs lie it does not ask whoever called.
func TestSetupRunsTheSystemsPrograms(t *testing.T) {
	bin := t.TempDir()
	for _, name := range []string{"systemd-sysusers", "systemctl", "id", "gpasswd"} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\necho ran >>'"+bin+"/ran'\nexit 1\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	// With a user who is not there it ends before it does anything to this machine.
	cmd := exec.CommandContext(t.Context(), "sh", "linux/helper/setup.sh")
	cmd.Env = []string{"PATH=" + bin, "PKEXEC_UID=3999999999"}
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "there is no user 3999999999") {
		t.Errorf("%v: %s", err, out)
	}
	if _, err := os.Stat(filepath.Join(bin, "ran")); err == nil {
		t.Error("it ran a program that the caller put in its way")
	}
}
