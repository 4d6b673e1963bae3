//go:build linux

package desktop

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// startDisplay starts the X server, lets in whoever holds its cookie, and
// nobody from a network.
func (d *Desktop) startDisplay(ctx context.Context) error {
	authority := d.tree.path("xauthority")
	if err := os.WriteFile(authority, cookie(), 0o600); err != nil {
		return fmt.Errorf("start Xvfb: %w", err)
	}
	args := []string{
		"-displayfd", "3", "-auth", authority, "-nolisten", "tcp", "-noreset",
		"-screen", "0", fmt.Sprintf("%dx%dx24", d.opt.Size.X, d.opt.Size.Y), "-dpi", "96",
	}
	// Two servers that start at the same moment may choose the same number,
	// and then one of them, or both, give up.
	var failed error
	for range 5 {
		_, number, err := d.launch(ctx, spec{name: "Xvfb", args: args, ready: true})
		if err == nil {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.env = append(d.env, "DISPLAY=:"+number, "XAUTHORITY="+authority)
			return nil
		}
		failed = errors.Join(failed, err)
		if ctx.Err() != nil {
			break
		}
	}
	return failed
}

// cookie is the content of an Xauthority file with a new random secret, valid
// for whatever number the display gets (FamilyWild).
func cookie() []byte {
	var b bytes.Buffer
	binary.Write(&b, binary.BigEndian, uint16(0xffff))
	secret := make([]byte, 16)
	rand.Read(secret)
	for _, field := range []string{"", "", "MIT-MAGIC-COOKIE-1", string(secret)} {
		binary.Write(&b, binary.BigEndian, uint16(len(field)))
		b.WriteString(field)
	}
	return b.Bytes()
}

// startWindowManager paints the backdrop and starts openbox.
func (d *Desktop) startWindowManager(ctx context.Context) error {
	if _, err := d.run(ctx, "hsetroot", "-add", "#10161d", "-add", "#22303f", "-gradient", "135"); err != nil {
		return err
	}
	// The manager claims the display before it looks at events: a window that
	// is mapped in between may wait for ever for the next one. Its start-up
	// command is the last thing before it does.
	up := d.tree.path("run", "openbox-up")
	p, _, err := d.launch(ctx, spec{name: "openbox", args: []string{
		"--sm-disable", "--config-file", d.tree.path("config/openbox/rc.xml"), "--startup", "touch '" + up + "'",
	}})
	if err != nil {
		return err
	}
	err = d.poll(ctx, "the window manager", func() (bool, string, error) {
		_, err := os.Stat(up)
		if errors.Is(err, fs.ErrNotExist) {
			return false, "", nil
		}
		return err == nil, "", err
	})
	if err != nil {
		return p.fail(err)
	}
	return nil
}

// run runs a tool of the desktop to its end and returns what it wrote.
func (d *Desktop) run(ctx context.Context, name string, arg ...string) (string, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	cmd := d.Command(ctx, name, arg...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return "", fmt.Errorf("run %s: %w: %s", name, err, strings.TrimSpace(stderr.String()))
	}
	return strings.TrimSpace(string(out)), nil
}
