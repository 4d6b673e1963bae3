package controller

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/controller/store"
	"github.com/tidegate/tidegate/internal/wire"
)

// linesOf reads an audit file.
func linesOf(t *testing.T, name string) []wire.AuditRecord {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []wire.AuditRecord
	for s := bufio.NewScanner(f); s.Scan(); {
		var r wire.AuditRecord
		if err := json.Unmarshal(s.Bytes(), &r); err != nil {
			t.Fatalf("%s: %v", s.Bytes(), err)
		}
		out = append(out, r)
	}
	return out
}

// TestAuditFile has what is in memory in the file too, and no secret in it.
func TestAuditFile(t *testing.T) {
	conf, dir := longConfig(t, ""), t.TempDir()
	key := trusted(t, conf)
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, conf, dir, &store.Memory{})
		x := &transmitter{b: b, key: key}
		alice, gw := b.device("alice"), b.gatewayPeer()
		codes := []string{aliceCode(t, 0)}
		alice.ask("POST", wire.PathSession, `{"user":"alice","password":"canary-wrong-password","code":"135791","device":{}}`)
		alice.signIn()
		l := alice.open(wire.PathEvents)
		time.Sleep(time.Minute)
		codes = append(codes, aliceCode(t, 0))
		alice.must(http.StatusNoContent, "POST", wire.PathAnswers, wire.AnswerRequest{Answers: []wire.Answer{
			{Kind: wire.InteractionMFA, Value: codes[1]}, {Kind: wire.InteractionPassword, Value: alicePassword}, {Kind: wire.InteractionReason, Value: "to close the quarter"}}})
		s := l.snapshot()
		signal := x.set("alice", "risk-level-change", map[string]any{"current_level": "HIGH"}, nil)
		x.takes(signal)
		x.push("canary-signal")
		gw.must(http.StatusNoContent, "POST", wire.PathGatewayReport, wire.GatewayReport{Gateway: "gw1", Records: []wire.AuditRecord{
			{At: time.Now(), Kind: "verdict", Session: s.Session, Gateway: "forged", Term: wire.Term{Kind: wire.ReasonDevice, Text: "device.firewall"}, Lease: time.Now(), Cure: []string{"mfa"}, Trigger: wire.TriggerPeriodic}}})
		alice.must(http.StatusNoContent, "DELETE", wire.PathSession, nil)
		name := filepath.Join(dir, auditName)
		got := linesOf(t, name)
		if d := cmp.Diff(b.Audit(), got); d != "" {
			t.Error(d)
		}
		for _, r := range got {
			if r.Kind == "verdict" && (r.Gateway != "gw1" || r.Term.Text != "device.firewall" || r.Cure[0] != "mfa" || r.Lease.IsZero()) {
				t.Errorf("of a gateway's verdict is kept %+v", r)
			}
		}
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("its mode is %v: %v", info.Mode(), err)
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for what, secret := range map[string]string{
			"password": alicePassword, "wrong password": "canary-wrong-password", "wrong code": "135791", "code": codes[0], "second code": codes[1], "TOTP secret": aliceTOTP,
			"cookie": alice.cookie.Value, "cookie's key": sessionKey(alice.cookie.Value), "claims token": s.ClaimsToken, "entitlement token": s.Tokens["hq"], "signal": signal, "bad signal": "canary-signal",
		} {
			if strings.Contains(string(text), secret) {
				t.Errorf("the %s is in the audit", what)
			}
		}
	})
}

// TestAuditRotation keeps four files of a size, and no line is cut.
func TestAuditRotation(t *testing.T) {
	name := filepath.Join(t.TempDir(), auditName)
	a := &auditFile{name: name, limit: 1000}
	for i := range 200 {
		if err := a.add(wire.AuditRecord{Kind: "k", Target: fmt.Sprintf("%03d", i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(name + "*")
	if err != nil || len(files) != 1+keptAuditFile {
		t.Fatalf("there are %v: %v", files, err)
	}
	next := 200
	for n := range len(files) {
		file := name
		if n > 0 {
			file += fmt.Sprint(".", n)
		}
		info, err := os.Stat(file)
		if err != nil || info.Size() > 1000 || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", file, info, err)
		}
		lines := linesOf(t, file)
		for i := len(lines) - 1; i >= 0; i-- {
			if next--; lines[i].Target != fmt.Sprintf("%03d", next) {
				t.Fatalf("%s has %s where %03d is to be", file, lines[i].Target, next)
			}
		}
	}
}

// TestAuditFileFails loses the file's folder: that is told once, and nothing
// else happens; once it is back, so is the audit.
func TestAuditFileFails(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	a := &auditFile{name: filepath.Join(dir, auditName), limit: 1000}
	told := 0
	for range 5 {
		if err := a.add(wire.AuditRecord{Kind: "lost"}); err != nil {
			told++
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	// A crash has left half a line.
	if err := os.WriteFile(a.name, []byte(`{"kind":"first"}`+"\n"+`{"kind":"sec`), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := a.add(wire.AuditRecord{Kind: "kept"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(a.name)
	if err != nil || told != 1 || !strings.HasPrefix(string(b), "{\"kind\":\"first\"}\n{\"kind\":\"sec\n{") || strings.Count(string(b), "kept") != 2 {
		t.Errorf("told %d times; the file is %s: %v", told, b, err)
	}
}

// TestVerdictsAreBounded has more sessions judged than are remembered.
func TestVerdictsAreBounded(t *testing.T) {
	var v verdicts
	for i := range 25 {
		v.add(wire.AuditRecord{Session: "kept", Entitlement: "e", Target: fmt.Sprint(i)})
	}
	for i := range maxVerdicts/4 + 10 {
		for range 4 {
			v.add(wire.AuditRecord{Session: wire.SessionID(fmt.Sprint(i)), Entitlement: "e"})
		}
		if i == maxVerdicts/8 {
			v.add(wire.AuditRecord{Session: "kept", Entitlement: "e", Target: "25"})
		}
	}
	if v.count > maxVerdicts || v.order.Len() != len(v.sessions) || len(v.last("0", "e")) != 0 {
		t.Errorf("%d records of %d sessions", v.count, len(v.sessions))
	}
	got := v.last("kept", "e")
	if len(got) != keptVerdicts || got[0].Target != "25" || got[9].Target != "16" {
		t.Errorf("kept are %v", got)
	}
	for id := range v.sessions {
		v.drop(id)
	}
	if v.count != 0 || v.order.Len() != 0 {
		t.Errorf("%d records are left of no session", v.count)
	}
}
