package window

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
)

// picture is an image in its own colours.
type picture struct{ node }

func newPicture(r fyne.Resource, side float32) *picture {
	p := &picture{}
	img := canvas.NewImageFromResource(r)
	img.FillMode = canvas.ImageFillContain
	p.parts = []fyne.CanvasObject{img}
	p.least = func() fyne.Size { return fyne.NewSquareSize(side) }
	p.arrange = func(s fyne.Size) { place(img, (s.Width-side)/2, (s.Height-side)/2, side, side) }
	p.ExtendBaseWidget(p)
	return p
}
