package virtual_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"

	"github.com/tidegate/tidegate/internal/lab/virtual"
)

// TestDeclaredClaimAtSignIn has somebody use an application in the very instant
// of the sign-in that tells the device what to report.
func TestDeclaredClaimAtSignIn(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pass")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		l := virtual.New(t, virtual.Options{Names: names(), Resources: fmt.Sprintf(`apiVersion: tidegate.org/v1
kind: DeviceClaim
metadata: {name: pass}
spec: {file: %s}
---
%s`, file, policy(guarded{name: open, criteria: "device.pass"}))})
		f := l.Client.SignInUsing("open")
		if err := f.Echo(); err != nil {
			t.Errorf("%v: %+v", err, l.Client.App("open").Why)
		}
		for _, r := range l.Audit() {
			if r.Kind == "verdict" && !r.Allow {
				t.Errorf("denied meanwhile: %+v", r)
			}
		}
	})
}
