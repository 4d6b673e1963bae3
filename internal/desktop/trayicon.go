//go:build linux

package desktop

import (
	"context"
	"fmt"
	"image"
	"slices"
)

const (
	// plugin is the title of the windows of the panel's tray.
	plugin = "wrapper-2.0"
	// panelHeight is the panel's, as config/xfce4-panel.xml has it.
	panelHeight = 34
)

// WaitTrayIcon returns the middle of the tray's icon on the display, once it
// is drawn there. The tray must have only one: the panel does not tell which
// of several is where.
func (d *Desktop) WaitTrayIcon(ctx context.Context) (image.Point, error) {
	bounds, err := d.waitDrawn(ctx, "the tray icon", func(w Window) bool { return w.Bounds.Max.Y <= panelHeight })
	if err != nil {
		return image.Point{}, err
	}
	items, err := d.TrayItems(ctx)
	if err != nil {
		return image.Point{}, err
	}
	if len(items) != 1 {
		return image.Point{}, fmt.Errorf("find the tray icon: the tray has %d of them", len(items))
	}
	return bounds.Min.Add(bounds.Size().Div(2)), nil
}

// OpenTrayMenu opens the menu of the tray's icon with the right mouse button,
// as a user does, and returns where it is on the display. Close it with
// [Desktop.CloseTrayMenu].
func (d *Desktop) OpenTrayMenu(ctx context.Context) (image.Rectangle, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	at, err := d.WaitTrayIcon(ctx)
	if err != nil {
		return image.Rectangle{}, err
	}
	if err := d.RightClick(ctx, at); err != nil {
		return image.Rectangle{}, err
	}
	return d.waitDrawn(ctx, "the tray menu", popup)
}

// CloseTrayMenu closes the open menu of the tray's icon.
func (d *Desktop) CloseTrayMenu(ctx context.Context) error {
	if err := d.Key(ctx, "Escape"); err != nil {
		return err
	}
	return d.poll(ctx, "the tray menu to close", func() (bool, string, error) {
		all, err := d.windows(ctx, plugin)
		if err != nil { // one may have gone between two looks
			return false, err.Error(), nil
		}
		return !slices.ContainsFunc(all, popup), fmt.Sprintf("windows of the tray: %v", all), nil
	})
}

// popup says whether a window of the tray is one that hangs from the panel.
func popup(w Window) bool { return w.Bounds.Min.Y >= panelHeight }

// waitDrawn returns when one of the tray's windows that is such has something
// drawn in it.
func (d *Desktop) waitDrawn(ctx context.Context, what string, such func(Window) bool) (image.Rectangle, error) {
	var bounds image.Rectangle
	err := d.poll(ctx, what+" to be drawn", func() (bool, string, error) {
		all, err := d.windows(ctx, plugin)
		if err != nil { // one may have gone between two looks
			return false, err.Error(), nil
		}
		for _, w := range all {
			if !such(w) {
				continue
			}
			img, err := d.Capture(ctx)
			if err != nil {
				return false, "", err
			}
			bounds = w.Bounds
			return drawn(img, bounds), fmt.Sprintf("nothing in %v", bounds), nil
		}
		return false, fmt.Sprintf("windows of the tray: %v", all), nil
	})
	return bounds, err
}

// drawn says whether a part of a picture, less its border, has more than one
// colour.
func drawn(img image.Image, part image.Rectangle) bool {
	part = part.Intersect(img.Bounds()).Inset(2)
	for y := part.Min.Y; y < part.Max.Y; y++ {
		for x := part.Min.X; x < part.Max.X; x++ {
			if img.At(x, y) != img.At(part.Min.X, part.Min.Y) {
				return true
			}
		}
	}
	return false
}
