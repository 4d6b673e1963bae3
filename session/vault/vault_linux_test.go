package vault

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/google/go-cmp/cmp"
	"github.com/zalando/go-keyring"

	"github.com/tidegate/tidegate/internal/desktop"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// TestMain makes this binary the child that uses the keychain: go-keyring
// speaks to whatever session bus its process was started with.
func TestMain(m *testing.M) {
	if os.Getenv("VAULT_CHILD") != "" {
		os.Exit(child(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// child carries out one use of the keychain and prints what came of it.
func child(args []string) int {
	if args[0] == "forget" {
		return forgetting(args[1], session.Keychain(args[2]))
	}
	k := Keychain{Service: "org.tidegate.Test"}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	item := session.VaultItem(args[1])
	var (
		err error
		got []byte
	)
	switch args[0] {
	case "set":
		err = k.Set(ctx, item, []byte(args[2]))
	case "get":
		got, err = k.Get(ctx, item)
	case "delete":
		err = k.Delete(ctx, item)
	case "opened":
		err = k.Opened(ctx)
	}
	switch {
	case errors.Is(err, session.ErrNoSecret):
		os.Stdout.WriteString("none")
	case errors.Is(err, session.ErrKeychainLocked):
		os.Stdout.WriteString("locked")
	case errors.Is(err, session.ErrKeychainAbsent):
		os.Stdout.WriteString("absent")
	case err != nil:
		os.Stdout.WriteString("error: " + err.Error())
	default:
		os.Stdout.WriteString("ok " + string(got))
	}
	return 0
}

func TestRealKeychain(t *testing.T) {
	d, err := desktop.Start(t.Context(), desktop.Options{Parts: desktop.Keyring})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	use := func(args ...string) string {
		cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
		cmd.Env = append(d.Env(), "VAULT_CHILD=1", "GORACE=atexit_sleep_ms=0")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			return fmt.Sprintf("%q, %v\n%s", out, err, stderr.Bytes())
		}
		return strings.TrimSpace(string(out))
	}
	expect := func(want string, args ...string) {
		t.Helper()
		if got := use(args...); got != want {
			t.Fatalf("%s: got %s, want %q", strings.Join(args, " "), got, want)
		}
	}
	cookie := string(session.ItemCookie)
	expect("none", "get", cookie)
	expect("ok", "set", cookie, "first, with Ünïcode\n")
	expect("ok", "set", cookie, "second")
	expect("none", "get", string(session.ItemDeviceKey))
	expect("ok second", "get", cookie)
	expect("ok", "delete", cookie)
	expect("ok", "delete", cookie)
	expect("none", "get", cookie)
	expect("ok", "set", cookie, "third")
	if err := d.LockKeyring(t.Context()); err != nil {
		t.Fatal(err)
	}
	expect("locked", "get", cookie)
	told := make(chan string, 1)
	go func() { told <- use("opened", "") }()
	lock, unlock, got := d.LockKeyring, d.UnlockKeyring, ""
	for got == "" { // the first time may be before it looks
		if err := unlock(t.Context()); err != nil {
			t.Fatal(err)
		}
		lock, unlock = unlock, lock
		select {
		case got = <-told:
		case <-time.After(200 * time.Millisecond):
		}
	}
	if got != "ok" {
		t.Fatalf("opened: %s", got)
	}
	if err := d.UnlockKeyring(t.Context()); err != nil { // which may be locked again by now
		t.Fatal(err)
	}
	expect("ok third", "get", cookie)
	if err := d.StopKeyring(t.Context()); err != nil {
		t.Fatal(err)
	}
	expect("absent", "get", cookie)
	expect("absent", "set", cookie, "x")
}

func TestNoBusIsAbsent(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), os.Args[0], "get", string(session.ItemCookie))
	cmd.Env = []string{"VAULT_CHILD=1", "GORACE=atexit_sleep_ms=0", "HOME=" + t.TempDir(), "DBUS_SESSION_BUS_ADDRESS=unix:path=" + filepath.Join(t.TempDir(), "none")}
	out, err := cmd.Output()
	if err != nil || string(out) != "absent" {
		t.Fatalf("without a bus: %q, %v", out, err)
	}
}

func TestASlowKeychainCountsAsLocked(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	stuck := make(chan struct{})
	defer close(stuck)
	if err := bounded(ctx, func() error { <-stuck; return nil }); !errors.Is(err, session.ErrKeychainLocked) {
		t.Fatalf("a keychain that does not answer: %v", err)
	}
}

func TestNotFound(t *testing.T) {
	if err := classify(keyring.ErrNotFound); !errors.Is(err, session.ErrNoSecret) {
		t.Fatal(err)
	}
}

func TestRecords(t *testing.T) {
	r := Records{Dir: filepath.Join(t.TempDir(), "profile")}
	if e, err := r.Load(); err != nil || e.Enrolled() {
		t.Fatalf("nothing saved, yet %+v, %v", e, err)
	}
	want := session.KeptEnrolments{Enrolled: session.Enrolled{Enrolment: session.Enrolment{Controller: "a:1", Device: "d", User: "maya"}, CA: "x"},
		Others: []session.Enrolled{{Enrolment: session.Enrolment{Controller: "b:1", Device: "e", User: "maya"}, CA: "y", Apart: true}},
		Gone:   []session.VaultItem{session.ItemCookie, "device-key.f"}}
	for range 2 {
		if err := r.SaveEnrolments(want); err != nil {
			t.Fatal(err)
		}
	}
	got, err := r.LoadEnrolments()
	if d := cmp.Diff(want, got); err != nil || d != "" {
		t.Fatalf("%v (-want +got):\n%s", err, d)
	}
	files, _ := os.ReadDir(r.Dir)
	if len(files) != 1 {
		t.Errorf("%d files were left behind", len(files))
	}
	if i, _ := os.Stat(r.Dir); i.Mode().Perm() != 0o700 {
		t.Errorf("the folder's mode is %v", i.Mode())
	}
	if e, err := r.Load(); err != nil || e.Device != "d" {
		t.Errorf("active: %+v, %v", e, err)
	}
	for name, text := range map[string]string{"half": "{half", "none active": `{"others":[{"device":"e"}]}`, "one twice": `{"device":"e","others":[{"device":"e"}]}`} {
		if err := os.WriteFile(filepath.Join(r.Dir, recordFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if k, err := r.LoadEnrolments(); err == nil || k.Enrolled.Enrolled() || len(k.Others) > 0 {
			t.Errorf("%s: read as %+v", name, k)
		}
		if err := r.SaveEnrolments(want); err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(filepath.Join(r.Dir, recordFile+aside)); err != nil || string(b) != text {
			t.Errorf("%s: set aside as %q, %v", name, b, err)
		}
	}
}

// The file of a client that knew one enrolment is read as it is.
func TestOneEnrolmentOfBefore(t *testing.T) {
	r := Records{Dir: t.TempDir()}
	before := `{"controller":"a:1","name":"A","user":"maya","device":"d","certificate":"c","ca":"x"}`
	if err := os.WriteFile(filepath.Join(r.Dir, recordFile), []byte(before), 0o600); err != nil {
		t.Fatal(err)
	}
	want := session.KeptEnrolments{Enrolled: session.Enrolled{Enrolment: session.Enrolment{Controller: "a:1", Name: "A", User: "maya", Device: "d"}, Certificate: "c", CA: "x"}}
	got, err := r.LoadEnrolments()
	if d := cmp.Diff(want, got); err != nil || d != "" {
		t.Fatalf("%v (-want +got):\n%s", err, d)
	}
	if err := r.SaveEnrolments(got); err != nil {
		t.Fatal(err)
	}
	var same session.Enrolled // what that client would read
	if b, err := os.ReadFile(filepath.Join(r.Dir, recordFile)); err != nil || json.Unmarshal(b, &same) != nil || same != want.Enrolled {
		t.Errorf("it is kept as %s, %v", b, err)
	}
}

// A crash at any step of saving leaves the old enrolments or the new ones, whole.
func TestACrashWhileSaving(t *testing.T) {
	r := Records{Dir: t.TempDir()}
	of := func(active, other wire.DeviceID) session.KeptEnrolments {
		return session.KeptEnrolments{Enrolled: session.Enrolled{Enrolment: session.Enrolment{Device: active}},
			Others: []session.Enrolled{{Enrolment: session.Enrolment{Device: other}}}}
	}
	if err := r.SaveEnrolments(of("d", "e")); err != nil {
		t.Fatal(err)
	}
	next, err := json.Marshal(of("e", "d"))
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(next) + 1 { // what a crash leaves beside the file before it is renamed
		if err := os.WriteFile(filepath.Join(r.Dir, recordFile+".new-1"), next[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := r.LoadEnrolments(); err != nil || cmp.Diff(of("d", "e"), got) != "" {
			t.Fatalf("after %d bytes: %+v, %v", n, got, err)
		}
	}
	if err := r.SaveEnrolments(of("e", "d")); err != nil {
		t.Fatal(err)
	}
	if got, err := r.LoadEnrolments(); err != nil || cmp.Diff(of("e", "d"), got) != "" {
		t.Fatalf("then: %+v, %v", got, err)
	}
	if files, _ := os.ReadDir(r.Dir); len(files) != 1 {
		t.Errorf("%d files were left behind", len(files))
	}
}

// Choices are kept apart from the enrolment, readable by their user alone.
func TestChoices(t *testing.T) {
	r := Records{Dir: t.TempDir()}
	if k, err := r.LoadChoices(); err != nil || cmp.Diff(session.KeptChoices{}, k) != "" {
		t.Fatalf("nothing chosen, yet %+v, %v", k, err)
	}
	want := session.KeptChoices{Language: "de", Notices: session.NoticesNone, Idle: 60e9, Pinned: map[wire.DeviceID][]wire.AppID{"d": {"b", "a"}}}
	if err := r.SaveChoices(want); err != nil {
		t.Fatal(err)
	}
	got, err := r.LoadChoices()
	if d := cmp.Diff(want, got); err != nil || d != "" {
		t.Fatalf("%v (-want +got):\n%s", err, d)
	}
	if i, err := os.Stat(filepath.Join(r.Dir, choicesFile)); err != nil || i.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", i, err)
	}
}

// What cannot be read is set aside, and told of.
func TestChoicesSetAside(t *testing.T) {
	for name, text := range map[string]string{"half": `{"language": "d`, "a language of tomorrow": `{"language": "tlh"}`, "an unknown level": `{"notices": "loud"}`} {
		r := Records{Dir: t.TempDir()}
		path := filepath.Join(r.Dir, choicesFile)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		k, err := r.LoadChoices()
		if err == nil || !strings.Contains(err.Error(), path+aside) || cmp.Diff(session.KeptChoices{}, k) != "" {
			t.Errorf("%s: %+v, %v", name, k, err)
		}
		if b, err := os.ReadFile(path + aside); err != nil || string(b) != text {
			t.Errorf("%s: set aside: %q, %v", name, b, err)
		}
		if _, err := r.LoadChoices(); err != nil {
			t.Errorf("%s: then %v", name, err)
		}
	}
}

// What a crash in the midst of saving left behind goes with the next one.
func TestSaveSweepsUp(t *testing.T) {
	r := Records{Dir: t.TempDir()}
	if err := os.WriteFile(filepath.Join(r.Dir, recordFile+".new-123"), []byte("{half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.SaveEnrolments(session.KeptEnrolments{}); err != nil {
		t.Fatal(err)
	}
	if files, _ := os.ReadDir(r.Dir); len(files) != 1 || files[0].Name() != recordFile {
		t.Errorf("left: %v", files)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte(`{"controller":"a:1","device":"d","certificate":"","ca":""}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := Records{Dir: t.TempDir()}
		if err := os.WriteFile(filepath.Join(r.Dir, recordFile), b, 0o600); err != nil {
			t.Fatal(err)
		}
		if e, err := r.Load(); err != nil && e.Enrolled() {
			t.Errorf("%q fails with %v and yet enrols", b, err)
		}
	})
}

func TestAConnectionClosedUnderUsIsOpenedAnew(t *testing.T) {
	for name, c := range map[string]struct {
		errs []error
		want error
	}{
		"once":   {[]error{dbus.ErrClosed, nil}, nil},
		"always": {[]error{dbus.ErrClosed, dbus.ErrClosed}, session.ErrKeychainAbsent},
	} {
		n := 0
		err := bounded(t.Context(), func() error { n++; return c.errs[n-1] })
		if !errors.Is(err, c.want) || n != 2 {
			t.Errorf("%s: %v after %d calls", name, err, n)
		}
	}
}

// What could not be read again is not written: what there is stays.
func TestTooMuchToKeep(t *testing.T) {
	r := Records{Dir: t.TempDir()}
	k := session.KeptEnrolments{Enrolled: session.Enrolled{Enrolment: session.Enrolment{Device: "d"}}}
	if err := r.SaveEnrolments(k); err != nil {
		t.Fatal(err)
	}
	more := k
	for i := range 50 {
		more.Others = append(more.Others, session.Enrolled{Enrolment: session.Enrolment{Device: wire.DeviceID(fmt.Sprint("e", i))}, Certificate: strings.Repeat("x", 32<<10)})
	}
	if err := r.SaveEnrolments(more); err == nil {
		t.Error("it was saved")
	}
	got, err := r.LoadEnrolments()
	if d := cmp.Diff(k, got); err != nil || d != "" {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
	more.Others = more.Others[:25]
	if err := r.SaveEnrolments(more); err != nil {
		t.Fatal(err)
	}
	if got, err = r.LoadEnrolments(); err != nil || len(got.All()) != 26 {
		t.Errorf("%d are read, %v", len(got.All()), err)
	}
}
