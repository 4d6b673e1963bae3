package assets_test

import (
	"bytes"
	"image"
	"image/png"
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

// Somebody who sees no colours must tell the states apart: the alpha channels
// alone differ by a tenth of the picture's ink.
func TestTrayStatesDifferByShape(t *testing.T) {
	for _, dark := range []bool{true, false} {
		for i, a := range trayStates {
			for _, b := range trayStates[i+1:] {
				x, y := decode(t, assets.TrayIconSize(a, dark, 22)), decode(t, assets.TrayIconSize(b, dark, 22))
				if d := shapeDistance(x, y); d < 0.1 {
					t.Errorf("%s and %s, dark=%v: the shapes differ by only %.2f", a, b, dark, d)
				}
			}
		}
	}
}

func shapeDistance(a, b image.Image) float64 {
	var differ, ink float64
	for y := range a.Bounds().Dy() {
		for x := range a.Bounds().Dx() {
			_, _, _, aa := a.At(x, y).RGBA()
			_, _, _, ba := b.At(x, y).RGBA()
			ink += float64(max(aa, ba))
			differ += float64(max(aa, ba) - min(aa, ba))
		}
	}
	return differ / ink
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
