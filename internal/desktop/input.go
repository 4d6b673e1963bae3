//go:build linux

package desktop

import (
	"context"
	"image"
	"strconv"
)

// Type types text on the keyboard, into whatever has the focus.
func (d *Desktop) Type(ctx context.Context, text string) error {
	_, err := d.run(ctx, "xdotool", "type", "--delay", "6", "--", text)
	return err
}

// Key presses keys one after the other, named as X does: Return, Tab,
// ctrl+f, alt+F4.
func (d *Desktop) Key(ctx context.Context, keys ...string) error {
	_, err := d.run(ctx, "xdotool", append([]string{"key", "--delay", "30", "--"}, keys...)...)
	return err
}

// MoveTo moves the pointer to a point of the display.
func (d *Desktop) MoveTo(ctx context.Context, at image.Point) error {
	_, err := d.run(ctx, "xdotool", moveTo(at)...)
	return err
}

// Click clicks the left button at a point of the display.
func (d *Desktop) Click(ctx context.Context, at image.Point) error { return d.press(ctx, at, 1) }

// RightClick clicks the right button at a point of the display.
func (d *Desktop) RightClick(ctx context.Context, at image.Point) error { return d.press(ctx, at, 3) }

// Scroll turns the wheel at a point of the display: down by so many steps, or
// up if it is negative.
func (d *Desktop) Scroll(ctx context.Context, at image.Point, steps int) error {
	button := "5"
	if steps < 0 {
		button, steps = "4", -steps
	}
	_, err := d.run(ctx, "xdotool", append(moveTo(at), "click", "--repeat", strconv.Itoa(steps), "--delay", "20", button)...)
	return err
}

// press moves to a point and presses there. The pause between is one frame of
// an application that draws at 60 Hz and learns of the move when it does.
func (d *Desktop) press(ctx context.Context, at image.Point, button int) error {
	_, err := d.run(ctx, "xdotool", append(moveTo(at), "sleep", "0.04", "click", strconv.Itoa(button))...)
	return err
}

func moveTo(at image.Point) []string {
	return []string{"mousemove", strconv.Itoa(at.X), strconv.Itoa(at.Y)}
}
