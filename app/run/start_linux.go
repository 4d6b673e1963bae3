package run

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/app/local"
	"github.com/tidegate/tidegate/app/profile"
)

// inside begins the argument that tells the second half from the first; the
// profile's name follows.
const inside = "--inside="

// highDescriptor is where the connection to the tray process is put: beyond what
// shell scripts call by number.
const highDescriptor = 100

// Start becomes the program, in namespaces of its own. It returns only with an
// error: what has to be done first, in the user's words.
func Start(p profile.Profile, program []string) error {
	if len(program) == 0 {
		return errors.New("say which program: tidegate run -- PROGRAM")
	}
	path, err := exec.LookPath(program[0])
	if err != nil {
		return &NotFoundError{program[0], err}
	}
	ignore()
	args := append([]string{os.Args[0], "run", inside + p.Name, path, "--"}, program...)
	if err := unix.Exec("/proc/self/exe", args, os.Environ()); err != nil {
		return fmt.Errorf("start again: %w", err)
	}
	return nil // not reached
}

// Asked says whether args, without the program's name, are those of the second
// half.
func Asked(args []string) bool {
	return len(args) > 1 && args[0] == "run" && strings.HasPrefix(args[1], inside)
}

// Inside is the second half: args are those for which Asked is true. It returns
// only with an error.
func Inside(args []string) error {
	if len(args) < 5 || args[3] != "--" {
		return errNotAsked
	}
	if err := entered(); err != nil {
		return err
	}
	p, err := profile.Open(strings.TrimPrefix(args[1], inside))
	if err != nil {
		return err
	}
	return become(p, args[2], args[4:])
}

// become readies the namespaces and execs the program.
func become(p profile.Profile, path string, program []string) error {
	device, ipv6, err := openDevice()
	if err != nil {
		if os.IsPermission(err) { // AppArmor lets the namespaces be made, and nothing be done in them
			return forbidden(unix.EPERM, thisKernel())
		}
		return err
	}
	process, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		return fmt.Errorf("name this process: %w", err)
	}
	self := os.NewFile(uintptr(process), "pidfd")
	attached, err := local.Attach(p, device, self)
	if err != nil {
		return err
	}
	defer attached.Close()
	device.Close() // it is the tray process's now
	self.Close()
	if err := cover(p.Runtime, attached.Names, attached.Server, ipv6); err != nil {
		if os.IsPermission(err) {
			return forbidden(unix.EPERM, thisKernel())
		}
		return err
	}
	if err := attached.Keep(highDescriptor); err != nil {
		return err
	}
	return exchange(path, program)
}
