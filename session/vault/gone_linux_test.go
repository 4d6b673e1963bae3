package vault

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/tidegate/tidegate/internal/desktop"
	"github.com/tidegate/tidegate/session"
)

// noPlane carries nothing.
type noPlane struct{}

func (noPlane) Apply(session.Wanted) {}

// forgetting is the child that forgets all enrolments, and prints how many are left, and
// how many items are to go, once the keychain is in that state.
func forgetting(dir string, k session.Keychain) int {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	records := Records{Dir: dir}
	s := session.New(session.Options{Controller: struct{ session.Controller }{}, Dataplane: noPlane{}, Records: records, Vault: Keychain{Service: "org.tidegate.Test"}})
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	for st := range s.Watch(ctx) {
		for _, e := range st.Enrolments {
			if err := s.Do(ctx, session.ForgetEnrolment{Device: e.Device}); err != nil {
				fmt.Print(err)
			}
		}
		if st.Keychain == k && len(st.Enrolments) == 0 {
			break
		}
	}
	cancel()
	if err := <-ended; err != nil {
		fmt.Print(err)
	}
	kept, err := records.LoadEnrolments()
	fmt.Print(len(kept.All()), len(kept.Gone), err)
	return 0
}

// What is forgotten while a real keychain is locked is in it until it is unlocked, and
// goes at the next start then.
func TestForgettingWithARealKeychain(t *testing.T) {
	d, err := desktop.Start(t.Context(), desktop.Options{Parts: desktop.Keyring})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	r := Records{Dir: t.TempDir()}
	e := session.Enrolled{Enrolment: session.Enrolment{Controller: "a:1", Device: "d"}, Apart: true}
	if err := r.SaveEnrolments(session.KeptEnrolments{Enrolled: e}); err != nil {
		t.Fatal(err)
	}
	expect := func(want string, args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
		cmd.Env = append(d.Env(), "VAULT_CHILD=1", "GORACE=atexit_sleep_ms=0")
		cmd.Stderr = t.Output()
		if out, err := cmd.Output(); err != nil || string(out) != want {
			t.Fatalf("%q: %q, %v; want %q", args, out, err, want)
		}
	}
	for _, i := range e.Items() {
		expect("ok ", "set", string(i), "secret")
	}
	if err := d.LockKeyring(t.Context()); err != nil {
		t.Fatal(err)
	}
	expect("0 2 <nil>", "forget", r.Dir, string(session.KeychainLocked))
	if err := d.UnlockKeyring(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, i := range e.Items() {
		expect("ok secret", "get", string(i))
	}
	expect("0 0 <nil>", "forget", r.Dir, string(session.KeychainReady))
	for _, i := range e.Items() {
		expect("none", "get", string(i))
	}
}
