package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/app/apptest"
	"github.com/tidegate/tidegate/session"
)

// terminal is a pseudo-terminal: what is written to keys is typed.
func terminal(t *testing.T) (keys, tty *os.File) {
	t.Helper()
	keys, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { keys.Close() })
	if err := unix.IoctlSetPointerInt(int(keys.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(keys.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tty.Close() })
	return keys, tty
}

func echoes(t *testing.T, tty *os.File) bool {
	t.Helper()
	s, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return s.Lflag&unix.ECHO != 0
}

func TestPasswordIsNotEchoed(t *testing.T) {
	keys, tty := terminal(t)
	src := &apptest.Source{}
	src.Publish(signedOut(false))
	src.Answer = func(session.Command) error { src.Publish(state()); return nil }
	var out, errs bytes.Buffer
	code := make(chan int, 1)
	go func() {
		code <- Run(t.Context(), []string{"sign-in"}, Options{In: tty, Out: &out, Err: &errs,
			Dial: func() (Client, error) { return running{src, nil}, nil }})
	}()
	for end := time.Now().Add(10 * time.Second); echoes(t, tty); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the echo stays on")
		}
	}
	if _, err := keys.WriteString("s3cret\r"); err != nil {
		t.Fatal(err)
	}
	if got := <-code; got != Done || !strings.HasPrefix(errs.String(), "Password for ada: ") {
		t.Errorf("%d: %q %q", got, out.String(), errs.String())
	}
	if !echoes(t, tty) {
		t.Error("the echo stays off")
	}
	if cmds := src.Commands(); len(cmds) != 1 || cmds[0] != (session.SignIn{Device: "d1", Password: "s3cret"}) {
		t.Errorf("commands %v", cmds)
	}
}

// A terminal is shown how far a diagnosis is, and nothing of that is left there; a file
// is not, whatever the input is.
func TestDiagProgress(t *testing.T) {
	src := &apptest.Source{}
	src.Publish(state())
	run := func(in, errs *os.File) int {
		return Run(t.Context(), []string{"diag", "--out", filepath.Join(t.TempDir(), "x.tar.gz")}, Options{In: in, Out: io.Discard, Err: errs,
			Dial: func() (Client, error) { return running{src, nil}, nil }})
	}
	screen, tty := terminal(t)
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if code := run(tty, file); code != Done {
		t.Errorf("it ends with %d", code)
	}
	if text, err := os.ReadFile(file.Name()); err != nil || len(text) != 0 {
		t.Errorf("a file has %q, %v", text, err)
	}
	if code := run(file, tty); code != Done {
		t.Errorf("it ends with %d", code)
	}
	const want = "\r\x1b[K1 of 2  The clock\r\x1b[K"
	text := make([]byte, len(want))
	if _, err := io.ReadFull(screen, text); err != nil || string(text) != want {
		t.Errorf("the terminal has %q, %v", text, err)
	}
}
