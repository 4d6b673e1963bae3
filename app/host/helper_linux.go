package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/internal/helper/protocol"
	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/session"
)

// The helper's programs, in a folder of its own.
const (
	helperProgram = "tidegate-helper"
	setupProgram  = "tidegate-helper-setup"
)

// folders are where the package and the archive put them.
var folders = []string{"/usr/libexec", "/usr/local/libexec"}

const (
	// versionTime bounds what a program needs to say its version.
	versionTime = 5 * time.Second
	// setupTime bounds the setting up: an administrator looks for a password.
	setupTime = 5 * time.Minute
)

// What pkexec exits with.
const (
	pkexecDismissed = 126
	pkexecRefused   = 127
)

// Helper looks at the helper. It starts none: systemd would, were its socket used.
func (h Host) Helper(ctx context.Context) session.Helper {
	var found session.Helper
	if setup := h.program(setupProgram); setup != "" {
		found.Command = "sudo " + setup
	}
	program := h.program(helperProgram)
	found.Version = version(ctx, program)
	socket := h.Socket
	if socket == "" {
		socket = protocol.Socket
	}
	group, err := reach(socket)
	found.Phase = phase(err, member(group), program != "")
	return found
}

// phase is what follows of whether the socket was reached, the user is in its group,
// and the helper is installed.
func phase(reached error, member, installed bool) session.HelperPhase {
	switch {
	case reached == nil:
		return session.HelperReady
	case errors.Is(reached, fs.ErrPermission) && member:
		return session.HelperWaiting
	case errors.Is(reached, fs.ErrPermission):
		return session.HelperClosed
	case installed:
		return session.HelperStopped
	}
	return session.HelperAbsent
}

// reach says whether this process may use a socket, which is there, and whose group's
// it is.
func reach(socket string) (gid uint32, err error) {
	var st unix.Stat_t
	if err := unix.Stat(socket, &st); err != nil {
		return 0, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return 0, fs.ErrNotExist
	}
	return st.Gid, unix.Access(socket, unix.W_OK)
}

// member says whether the user is in a group, if not this process yet.
func member(gid uint32) bool {
	u, err := user.Current()
	if err != nil {
		return false
	}
	all, err := u.GroupIds()
	return err == nil && slices.Contains(all, strconv.FormatUint(uint64(gid), 10))
}

// program is where one of the helper's programs lies, which nobody but root can have
// put there, change or exchange; empty: nowhere.
func (h Host) program(name string) string {
	dirs := h.Folders
	if dirs == nil {
		dirs = folders
	}
	for _, dir := range dirs {
		path := filepath.Join(dir, name)
		if h.owns(path, unix.S_IFREG) && h.owns(dir, unix.S_IFDIR) && h.guards(dir) {
			return path
		}
	}
	return ""
}

// owns says whether what is there is of a kind, and nobody but its owner, who is the
// right one, can write to it.
func (h Host) owns(path string, kind uint32) bool {
	var st unix.Stat_t
	return unix.Lstat(path, &st) == nil && st.Mode&unix.S_IFMT == kind && int(st.Uid) == h.Owner && st.Mode&0o022 == 0 && st.Mode&0o111 != 0
}

// guards says whether the folders above one let nobody but root or the owner put
// another in its place: others may write there only where each can change but what is
// theirs, as in /tmp. Links are followed nowhere.
func (h Host) guards(dir string) bool {
	if !filepath.IsAbs(dir) {
		return false
	}
	for dir != "/" {
		dir = filepath.Dir(dir)
		var st unix.Stat_t
		if unix.Lstat(dir, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFDIR || st.Uid != 0 && int(st.Uid) != h.Owner {
			return false
		}
		if st.Mode&0o022 != 0 && st.Mode&unix.S_ISVTX == 0 {
			return false
		}
	}
	return true
}

// version is what the helper says of itself; empty: nothing.
func version(ctx context.Context, program string) string {
	if program == "" {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, versionTime)
	defer cancel()
	out, err := exec.CommandContext(ctx, program, "-version").Output()
	if err != nil {
		return "" // one of before it had the flag
	}
	v, ok := strings.CutPrefix(strings.TrimSpace(string(out)), helperProgram+" ")
	if !ok || len(v) > 40 || strings.ContainsAny(v, "\n\r\t") {
		return ""
	}
	return v
}

// SetUpHelper has root run what sets the helper up, by pkexec: the desktop asks for an
// administrator's password. A terminal does not, from behind.
func (h Host) SetUpHelper(ctx context.Context) *session.Problem {
	setup := h.program(setupProgram)
	if setup == "" {
		return &session.Problem{Code: "helper-setup", Title: "What sets the helper up is missing",
			Detail: lang.English("It comes with the helper, as %s.", setupProgram), Fix: "Install Tidegate's package again."}
	}
	terminal := lang.English("Type in a terminal: sudo %s", setup)
	pkexec, err := exec.LookPath("pkexec")
	if err != nil {
		return &session.Problem{Code: "helper-setup", Title: "Nothing here asks for an administrator's password",
			Detail: "The program pkexec, of polkit, is not installed.", Fix: terminal}
	}
	ctx, cancel := context.WithTimeout(ctx, setupTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, pkexec, "--disable-internal-agent", setup)
	cmd.WaitDelay = time.Second
	var said bytes.Buffer
	cmd.Stderr = &said
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return &session.Problem{Code: "helper-setup", Title: "The helper was not set up", Detail: "Nobody answered the question for an administrator's password.", Fix: lang.English("Try again. Or type in a terminal: sudo %s", setup)}
	case errors.As(err, &exit) && exit.ExitCode() == pkexecDismissed:
		return &session.Problem{Code: "helper-setup", Title: "The helper was not set up", Detail: "It was not confirmed.",
			Fix: "It needs an administrator's password: try again, or ask whoever administers this machine."}
	case errors.As(err, &exit) && exit.ExitCode() == pkexecRefused:
		return &session.Problem{Code: "helper-setup", Title: "The helper was not set up", Detail: "This desktop asks for no administrator's password, or you may not give one.", Fix: terminal}
	}
	return &session.Problem{Code: "helper-setup", Title: "The helper could not be set up", Detail: lastLine(said.String(), err), Fix: lang.English("Put that right, and try again. Or type in a terminal: sudo %s", setup)}
}

// lastLine is what a program that failed said at last.
func lastLine(said string, err error) string {
	lines := strings.Split(strings.TrimSpace(said), "\n")
	last := strings.TrimSpace(lines[len(lines)-1])
	if last == "" {
		return fmt.Sprint(err)
	}
	if len(last) > 200 {
		last = strings.ToValidUTF8(last[:200], "") + "…"
	}
	return last
}

var _ session.Host = Host{}
