//go:build linux

package desktop_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/zalando/go-keyring"
	"go.uber.org/goleak"

	"github.com/tidegate/tidegate/internal/desktop"
)

// part is the variable that makes the test binary the program under test: the
// libraries that look for the session bus of their process can be tried only
// in a process of the desktop.
const part = "DESKTOP_TEST_PART"

func TestMain(m *testing.M) {
	switch os.Getenv(part) {
	case "":
		goleak.VerifyTestMain(m)
	case "keyring":
		os.Exit(playKeyring(os.Args[1:]))
	case "orphan":
		playOrphan()
	}
}

// child is the test binary in another part, as a program of the desktop.
func child(ctx context.Context, d *desktop.Desktop, name string, arg ...string) *exec.Cmd {
	cmd := d.Command(ctx, os.Args[0], arg...)
	// The race detector lingers for a second at the end of each process.
	cmd.Env = append(cmd.Env, part+"="+name, "GORACE=atexit_sleep_ms=0")
	return cmd
}

// playKeyring does one thing with the keychain, and says how it went.
func playKeyring(args []string) int {
	var err error
	var value string
	switch args[0] {
	case "set":
		err = keyring.Set("harness", args[1], args[2])
	case "get":
		value, err = keyring.Get("harness", args[1])
	case "delete":
		err = keyring.Delete("harness", args[1])
	}
	switch {
	case errors.Is(err, keyring.ErrNotFound):
		fmt.Print("not found")
	case err != nil:
		fmt.Print("error: ", err)
	default:
		fmt.Print("ok", strings.TrimRight(" "+value, " "))
	}
	return 0
}

// playOrphan starts a desktop, says where, and is killed.
func playOrphan() {
	d, err := desktop.Start(context.Background(), desktop.Options{})
	if err != nil {
		fmt.Print(err)
		return
	}
	fmt.Print(d.Dir())
	syscall.Kill(os.Getpid(), syscall.SIGKILL)
}
