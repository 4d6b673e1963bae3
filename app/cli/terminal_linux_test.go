package cli

import (
	"bytes"
	"fmt"
	"os"
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
