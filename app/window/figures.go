package window

import (
	"slices"

	"fyne.io/fyne/v2"
	"github.com/tidegate/tidegate/assets"
)

// figures are values under their captions, in as many columns as there is room
// for: a value that changes moves nothing beside it.
type figures struct {
	node
	cells []*stack
	texts []figureTexts
	shows []figure
}

// figure is a caption and its value; one without a value is left out.
type figure struct{ caption, value string }

type figureTexts struct {
	caption *label
	value   *paragraph
}

// The least width of a column, and the gaps.
const (
	figureLeast = 138 // at the usual size of text
	figureGap   = 18
	figureDown  = 10
)

func newFigures() *figures {
	f := &figures{}
	f.least = func() fyne.Size { return fyne.NewSize(em(figureLeast), f.height(max(em(figureLeast), f.Size().Width))) }
	f.grows = f.height
	f.arrange = func(s fyne.Size) { f.flow(s.Width, place) }
	f.ExtendBaseWidget(f)
	return f
}

func (f *figures) set(views []figure) {
	views = slices.DeleteFunc(slices.Clone(views), func(v figure) bool { return v.value == "" })
	if slices.Equal(views, f.shows) {
		return
	}
	f.shows = views
	for len(f.cells) < len(views) {
		t := figureTexts{
			caption: newElastic("", font{size: 12, role: roleFaint}),
			value:   newParagraph("", font{size: 14, weight: assets.Medium, role: roleText}, 0),
		}
		f.texts = append(f.texts, t)
		f.cells = append(f.cells, newStack(1, insets{}, nil, t.caption, t.value))
	}
	f.parts = f.parts[:0]
	for i, v := range views {
		f.texts[i].caption.set(v.caption)
		f.texts[i].value.set(v.value)
		f.parts = append(f.parts, f.cells[i])
	}
	shown(f, len(views) > 0)
	f.Refresh()
}

func (f *figures) height(w float32) float32 {
	return f.flow(w, func(fyne.CanvasObject, float32, float32, float32, float32) {})
}

// flow puts the cells into their rows and returns the height of all.
func (f *figures) flow(w float32, put func(o fyne.CanvasObject, x, y, w, h float32)) float32 {
	columns := max(1, min(4, int((w+figureGap)/(em(figureLeast)+figureGap))))
	width := (w - float32(columns-1)*figureGap) / float32(columns)
	var y float32
	for row := range slices.Chunk(f.parts, columns) {
		if y > 0 {
			y += figureDown
		}
		var high float32
		for _, o := range row {
			high = max(high, heightOf(o, width))
		}
		for i, o := range row {
			put(o, float32(i)*(width+figureGap), y, width, high)
		}
		y += high
	}
	return y
}
