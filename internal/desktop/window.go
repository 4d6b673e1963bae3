//go:build linux

package desktop

import (
	"context"
	"fmt"
	"image"
	"regexp"
	"strconv"
	"strings"
)

// Window is a window that can be seen on the display.
type Window struct {
	ID    uint32
	Title string
	// Bounds of its content on the display, without its frame.
	Bounds image.Rectangle
}

// At is the point of the display that lies at x, y of the window.
func (w Window) At(x, y int) image.Point { return w.Bounds.Min.Add(image.Pt(x, y)) }

// Window is the visible window with this very title; found is false if there
// is none.
func (d *Desktop) Window(ctx context.Context, title string) (w Window, found bool, err error) {
	all, err := d.windows(ctx, title)
	if err != nil || len(all) == 0 {
		return Window{}, false, err
	}
	return all[0], true, nil
}

// windows are all visible ones with this very title.
func (d *Desktop) windows(ctx context.Context, title string) ([]Window, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	cmd := d.Command(ctx, "xdotool", "search", "--onlyvisible", "--name", "^"+regexp.QuoteMeta(title)+"$")
	out, err := cmd.Output()
	// xdotool exits 1 and says nothing when it finds none.
	if len(out) == 0 && cmd.ProcessState != nil && cmd.ProcessState.ExitCode() == 1 {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("search for the window %q: %w", title, err)
	}
	var all []Window
	for _, field := range strings.Fields(string(out)) {
		id, err := strconv.ParseUint(field, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("search for the window %q: %w", title, err)
		}
		w := Window{ID: uint32(id), Title: title}
		if w.Bounds, err = d.bounds(ctx, w.ID); err != nil {
			return nil, err
		}
		all = append(all, w)
	}
	return all, nil
}

// WaitWindow returns when a window with this very title is visible.
func (d *Desktop) WaitWindow(ctx context.Context, title string) (Window, error) {
	var w Window
	err := d.poll(ctx, fmt.Sprintf("the window %q", title), func() (ok bool, seen string, err error) {
		w, ok, err = d.Window(ctx, title)
		if err != nil { // it may have gone between two looks
			return false, err.Error(), nil
		}
		return ok, d.titles(ctx), nil
	})
	return w, err
}

// WaitNoWindow returns when no window with this very title is visible.
func (d *Desktop) WaitNoWindow(ctx context.Context, title string) error {
	return d.poll(ctx, fmt.Sprintf("the window %q to go", title), func() (bool, string, error) {
		_, found, err := d.Window(ctx, title)
		if err != nil {
			return false, err.Error(), nil
		}
		return !found, "", nil
	})
}

// Focus raises a window and gives it the keyboard.
func (d *Desktop) Focus(ctx context.Context, w Window) error {
	_, err := d.run(ctx, "xdotool", "windowactivate", "--sync", strconv.FormatUint(uint64(w.ID), 10))
	return err
}

// MoveWindow puts a window's frame at a point of the display.
func (d *Desktop) MoveWindow(ctx context.Context, w Window, to image.Point) error {
	_, err := d.run(ctx, "xdotool", "windowmove", "--sync", strconv.FormatUint(uint64(w.ID), 10), strconv.Itoa(to.X), strconv.Itoa(to.Y))
	return err
}

var geometry = regexp.MustCompile(`(?s)Absolute upper-left X:\s+(-?\d+).*Absolute upper-left Y:\s+(-?\d+).*Width: (\d+).*Height: (\d+)`)

// bounds of a window on the display.
func (d *Desktop) bounds(ctx context.Context, id uint32) (image.Rectangle, error) {
	out, err := d.run(ctx, "xwininfo", "-id", strconv.FormatUint(uint64(id), 10), "-stats")
	if err != nil {
		return image.Rectangle{}, err
	}
	m := geometry.FindStringSubmatch(out)
	if m == nil {
		return image.Rectangle{}, fmt.Errorf("xwininfo says nothing of a place: %s", out)
	}
	var n [4]int
	for i := range n {
		if n[i], err = strconv.Atoi(m[i+1]); err != nil {
			return image.Rectangle{}, fmt.Errorf("read what xwininfo says: %w", err)
		}
	}
	return image.Rect(n[0], n[1], n[0]+n[2], n[1]+n[3]), nil
}

// titles of all visible windows, for an error.
func (d *Desktop) titles(ctx context.Context) string {
	out, err := d.run(ctx, "xdotool", "search", "--onlyvisible", "--name", ".", "getwindowname", "%@")
	if err != nil {
		return ""
	}
	return "windows " + strings.Join(strings.Split(out, "\n"), ", ")
}
