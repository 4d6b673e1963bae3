//go:build linux

package desktop_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"fyne.io/systray"
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
	case "tray":
		playTray()
	case "orphan":
		playOrphan()
	}
}

// child is the test binary in another part, as a program of the desktop.
func child(ctx context.Context, d *desktop.Desktop, name string, arg ...string) *exec.Cmd {
	cmd := d.Command(ctx, os.Args[0], arg...)
	cmd.Env = append(cmd.Env, part+"="+name)
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

// playTray is an application in the tray whose menu tells what was chosen.
func playTray() {
	systray.Run(func() {
		systray.SetIcon(dot(color.NRGBA{R: 0x3d, G: 0xd6, B: 0x8c, A: 0xff}))
		systray.SetTitle("Harness")
		systray.SetTooltip("Harness is idle")
		systray.SetOnTapped(func() { systray.SetTooltip("Harness was clicked") })
		first := systray.AddMenuItem("First_thing", "")
		first.Disable()
		systray.AddSeparator()
		group := systray.AddMenuItem("More", "")
		choice := group.AddSubMenuItemCheckbox("Choice", "", true)
		quit := systray.AddMenuItem("Quit", "")
		go func() {
			for {
				select {
				case <-choice.ClickedCh:
					systray.SetTooltip("Choice was chosen")
					choice.Uncheck()
				case <-quit.ClickedCh:
					systray.Quit()
				}
			}
		}()
	}, func() {})
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

// dot is a PNG of a filled disc.
func dot(c color.NRGBA) []byte {
	img := image.NewNRGBA(image.Rect(0, 0, 32, 32))
	for y := range 32 {
		for x := range 32 {
			if dx, dy := x-16, y-16; dx*dx+dy*dy < 15*15 {
				img.SetNRGBA(x, y, c)
			}
		}
	}
	var b bytes.Buffer
	png.Encode(&b, img)
	return b.Bytes()
}
