//go:build linux

package desktop

import (
	"context"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
)

// Screenshot saves a picture of the whole display as a PNG file.
func (d *Desktop) Screenshot(ctx context.Context, path string) error {
	to, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("save a screenshot: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return fmt.Errorf("save a screenshot: %w", err)
	}
	// scrot expands $ and % in a name: it gets a plain one.
	folder, err := os.MkdirTemp(filepath.Dir(to), "shot-")
	if err != nil {
		return fmt.Errorf("save a screenshot: %w", err)
	}
	defer os.RemoveAll(folder)
	cmd := d.Command(ctx, "scrot", "--silent", "shot.png")
	cmd.Dir = folder
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("save a screenshot: run scrot: %w: %s", err, out)
	}
	if err := os.Rename(filepath.Join(folder, "shot.png"), to); err != nil {
		return fmt.Errorf("save a screenshot: %w", err)
	}
	return nil
}

// Capture is a picture of the whole display.
func (d *Desktop) Capture(ctx context.Context) (image.Image, error) {
	path := d.tree.path("tmp", "capture.png")
	if err := d.Screenshot(ctx, path); err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read a screenshot: %w", err)
	}
	defer f.Close()
	img, err := png.Decode(f)
	if err != nil {
		return nil, fmt.Errorf("read a screenshot: %w", err)
	}
	return img, nil
}
