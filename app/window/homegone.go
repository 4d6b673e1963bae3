package window

import (
	"slices"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// gonePins says how many applications are pinned that are the user's no more, and has a
// button that unpins them. Nothing is known of them but that: they have no tile, and
// nobody unpins them unasked, for they may come back.
type gonePins struct {
	*line
	w     *Window
	text  *label
	unpin *button
	ids   []wire.AppID
}

func (w *Window) newGonePins() *gonePins {
	g := &gonePins{w: w, text: newElastic("", font{size: 13, role: roleMuted})}
	g.unpin = w.newButton(quiet, homeWords.unpinGone, "", func() { g.drop(slices.Clone(g.ids)) })
	g.unpin.high = 32
	g.line = newLine(10, insets{top: 8, left: 2}, nil, newGlyph("keep", false, 18, roleFaint), g.text, g.unpin).growing(g.text)
	g.Hide()
	return g
}

func (g *gonePins) set(ids []wire.AppID) {
	g.ids = ids
	shown(g.line, len(ids) > 0)
	g.text.set(goneText(len(ids)))
}

// drop unpins one after another: the client takes a few commands at a time.
func (g *gonePins) drop(ids []wire.AppID) {
	if len(ids) == 0 {
		return
	}
	g.w.do(session.Pin{App: ids[0]}, func(err error) {
		if err != nil {
			g.w.say(err.Error())
			return
		}
		g.drop(ids[1:])
	})
}
