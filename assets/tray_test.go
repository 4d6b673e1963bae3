package assets_test

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"math"
	"testing"

	"github.com/tidegate/tidegate/assets"
)

var trayStates = []string{assets.TrayInactive, assets.TrayActive, assets.TrayInUse, assets.TrayAttention}

func TestTrayIconsHaveTheirSizes(t *testing.T) {
	for _, state := range trayStates {
		for _, dark := range []bool{true, false} {
			for _, px := range assets.TraySizes {
				if got := decode(t, assets.TrayIconSize(state, dark, px)).Bounds().Dx(); got != px {
					t.Errorf("%s dark=%v: %d pixels wide, want %d", state, dark, got, px)
				}
			}
		}
	}
	if !bytes.Equal(assets.TrayIcon("nonsense", true), assets.TrayIcon(assets.TrayInactive, true)) {
		t.Error("an unknown state does not look inactive")
	}
}

// Somebody who sees no colours must see the icon and tell its states apart,
// on whatever panel it lies: in shades of grey alone.
func TestTrayStatesDifferByShape(t *testing.T) {
	for _, px := range []int{16, 22} {
		least := 20 * float64(px*px) / (22 * 22)
		for _, panel := range []uint8{0x18, 0xef} {
			for _, dark := range []bool{true, false} {
				for i, a := range trayStates {
					x := onPanel(decode(t, assets.TrayIconSize(a, dark, px)), panel)
					if seen := contrast(x, make([]float64, len(x))); seen < least {
						t.Errorf("%s of %d, dark=%v, on a panel of shade %d: only %.0f pixels of full contrast", a, px, dark, panel, seen)
					}
					for _, b := range trayStates[i+1:] {
						y := onPanel(decode(t, assets.TrayIconSize(b, dark, px)), panel)
						if d := contrast(x, y); d < least {
							t.Errorf("%s and %s of %d, dark=%v, on a panel of shade %d: they differ by only %.0f pixels", a, b, px, dark, panel, d)
						}
					}
				}
			}
		}
	}
}

// onPanel is how far each pixel stands out from a panel of that shade, from -1 to 1.
func onPanel(img image.Image, panel uint8) []float64 {
	var shades []float64
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			c := color.NRGBAModel.Convert(img.At(x, y)).(color.NRGBA)
			alpha := float64(c.A) / 255
			c.A = 255
			grey := float64(color.GrayModel.Convert(c).(color.Gray).Y)
			shades = append(shades, alpha*(grey-float64(panel))/255)
		}
	}
	return shades
}

// contrast is by how many pixels of full contrast two pictures differ.
func contrast(a, b []float64) float64 {
	var d float64
	for i := range a {
		d += math.Abs(a[i] - b[i])
	}
	return d
}

func decode(t *testing.T, b []byte) image.Image {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func TestBrandAndFonts(t *testing.T) {
	if got := decode(t, assets.AppIcon().Content()).Bounds().Dx(); got != 256 {
		t.Errorf("the application's icon is %d pixels wide", got)
	}
	for _, w := range []assets.Weight{assets.Regular, assets.Medium, assets.SemiBold, assets.Bold} {
		if b := assets.Font(w).Content(); !bytes.HasPrefix(b, []byte("OTTO")) {
			t.Errorf("%s is not an OpenType font", w)
		}
	}
	if assets.Font("Black") != assets.Font(assets.Regular) {
		t.Error("an unknown weight is not Regular, or a font is not the same resource twice")
	}
}
