package assets_test

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/software"
	"fyne.io/fyne/v2/test"
	"github.com/tidegate/tidegate/assets"
)

// Fyne's SVG renderer draws some icon sets wrong, so every picture that ships
// is compared with librsvg's drawing of it.
func TestFyneDrawsEveryIconAsLibrsvgDoes(t *testing.T) {
	test.NewTempApp(t)
	black := color.NRGBA{A: 255}
	pictures := map[string]fyne.Resource{"logo": assets.Logo()}
	for _, name := range assets.Icons() {
		pictures[name] = assets.Icon(name, false, black)
		pictures[name+"-fill"] = assets.Icon(name, true, black)
	}
	if len(pictures) < 100 {
		t.Fatalf("only %d pictures are embedded", len(pictures))
	}
	dir := t.TempDir()
	for name, r := range pictures {
		got, want := drawFyne(r), drawRsvg(t, dir, r)
		if d := distance(got, want); d > 0.02 {
			t.Errorf("%s: Fyne and librsvg differ by %.3f of the picture", name, d)
		}
	}
}

const side = 48

func drawFyne(r fyne.Resource) image.Image {
	img := canvas.NewImageFromResource(r)
	img.FillMode = canvas.ImageFillStretch
	c := software.NewTransparentCanvas()
	c.SetPadded(false)
	c.SetContent(img)
	c.Resize(fyne.NewSize(side, side))
	return c.Capture()
}

func drawRsvg(t *testing.T, dir string, r fyne.Resource) image.Image {
	t.Helper()
	in := dir + "/in.svg"
	if err := os.WriteFile(in, r.Content(), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("rsvg-convert", "-w", strconv.Itoa(side), "-h", strconv.Itoa(side), in).Output()
	if err != nil {
		t.Fatalf("rsvg-convert (install librsvg2-bin): %v", err)
	}
	img, err := png.Decode(bytes.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// distance is the mean difference of two pictures' channels, from 0 to 1.
func distance(a, b image.Image) float64 {
	if a.Bounds().Size() != b.Bounds().Size() {
		return 1
	}
	var sum float64
	for y := range side {
		for x := range side {
			r1, g1, b1, a1 := a.At(x, y).RGBA()
			r2, g2, b2, a2 := b.At(x, y).RGBA()
			for _, d := range [][2]uint32{{r1, r2}, {g1, g2}, {b1, b2}, {a1, a2}} {
				sum += max(float64(d[0])-float64(d[1]), float64(d[1])-float64(d[0])) / 0xffff
			}
		}
	}
	return sum / (side * side * 4)
}

func TestIconNames(t *testing.T) {
	for name, want := range map[string]bool{"database": true, "": false, "../fonts": false, "database-fill": true, "nonsense": false} {
		if got := assets.HasIcon(name); got != want {
			t.Errorf("HasIcon(%q) = %v", name, got)
		}
	}
	red := color.NRGBA{R: 255, A: 255}
	if a, b := assets.Icon("database", false, red), assets.Icon("database", false, color.Black); a.Name() == b.Name() {
		t.Error("two colours of one icon share a name, and would share a cache entry")
	}
	if a, b := assets.Icon("nonsense", false, red), assets.Icon("help", false, red); a.Name() != b.Name() {
		t.Error("an unknown icon is not the help icon")
	}
}
