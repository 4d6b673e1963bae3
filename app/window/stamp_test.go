package window

import (
	"image/color"
	"testing"

	"github.com/tidegate/tidegate/assets"
)

// Each icon is there to be seen, in the middle of its square, and in its colour.
func TestStampsShow(t *testing.T) {
	const side = 48
	for _, name := range assets.Icons() {
		for _, filled := range []bool{false, true} {
			m := stamp{name, filled, side}.mask()
			var sum, x, y float64
			for i, v := range m.Pix {
				sum, x, y = sum+float64(v), x+float64(v)*float64(i%m.Stride), y+float64(v)*float64(i/m.Stride)
			}
			if sum < 255*side {
				t.Errorf("%s, filled %v: there is next to nothing to be seen", name, filled)
				continue
			}
			if x, y = x/sum, y/sum; x < side/4 || x > side*3/4 || y < side/4 || y > side*3/4 {
				t.Errorf("%s, filled %v: it is drawn round %.0f, %.0f", name, filled, x, y)
			}
		}
	}
	red := color.NRGBA{200, 10, 20, 255}
	if got := color.NRGBAModel.Convert(stamp{"circle", true, side}.inked(red).At(side/2, side/2)); got != red {
		t.Errorf("the colour is %v", got)
	}
}
