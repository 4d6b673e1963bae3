package window

import (
	"reflect"
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/internal/timezone"
)

// phrase is a text of one of the structs of words.
type phrase struct {
	at      *string
	english string
}

// phrases are all of them. A struct that is not named here stays English.
var phrases = phrasesOf(&words, &todayWords, &vpnWords, &activityWords, &diagWords, &homeWords, &enrolWords, &appWords, &settingWords)

// phrasesOf are the texts of structs of nothing but strings, which are in English.
func phrasesOf(structs ...any) []phrase {
	var all []phrase
	for _, s := range structs {
		v := reflect.ValueOf(s).Elem()
		for i := range v.NumField() {
			at := (*string)(v.Field(i).Addr().UnsafePointer())
			all = append(all, phrase{at, *at})
		}
	}
	return all
}

// wordsIn is the language that the words are in. Fyne's thread has it, as it has the words.
var wordsIn = "en"

// translate has the words say the language of the process.
func translate() {
	if wordsIn == lang.Tag() {
		return
	}
	wordsIn = lang.Tag()
	for _, p := range phrases {
		*p.at = lang.T(p.english)
	}
}

// speak has the window say what the user chose, in the time zone that the machine is
// set to, at once: its content is made anew from the state. While a dialog is open in
// which something stands that was typed, or that no state holds, the window waits for
// its end.
func (w *Window) speak() {
	tag, zone := lang.Of(w.state.Choices.Language), timezone.Local()
	if tag == lang.Tag() && tag == w.spoken && zone == w.zone || !w.idle() {
		return
	}
	lang.Set(tag)
	translate()
	w.spoken, w.zone = tag, zone
	w.rebuild()
}

// idle says whether the open layer, if there is one, can be made anew and nothing is lost.
func (w *Window) idle() bool {
	key := w.layer.key
	switch {
	case w.layer.modal == nil, key == "menu", key == "quit", strings.HasPrefix(key, "app "):
		return true
	case !strings.HasPrefix(key, "prompt "):
		return false
	}
	begun, known := w.layer.face.(interface{ begun() bool })
	if known && begun.begun() {
		return false
	}
	return !slices.ContainsFunc(partsOf(w.layer.modal), func(o fyne.CanvasObject) bool {
		i, ok := o.(*input)
		return ok && i.Text != ""
	})
}

// rebuild makes everything in the window anew: on the page, at the place and with the
// focus that there was.
func (w *Window) rebuild() {
	was, pages, at := w.root, w.pages, w.canvas().Focused()
	w.closeLayer()
	w.canvas().Unfocus() // the caret of a line that is gone would blink on
	for _, o := range partsOf(was) {
		if s, ok := o.(*spinner); ok {
			s.set(false) // nobody else would
		}
	}
	w.side = w.newSide()
	w.pages = w.newPages()
	w.root = newRoot(w)
	w.win.SetContent(w.root)
	w.pages.resume(pages)
	w.side.apply(w.state)
	w.pages.apply(w.state)
	w.win.Resize(w.root.fitting(w.canvas().Size()))
	relayoutAll(w.root)
	w.settle()
	w.take(w.root, was, at)
}

// take gives what is new, and everything below it, the place of what was there: where
// it was scrolled to, and the focus. What has come to be otherwise is left alone.
func (w *Window) take(now, was fyne.CanvasObject, at fyne.Focusable) {
	if reflect.TypeOf(now) != reflect.TypeOf(was) {
		return
	}
	if f, ok := was.(fyne.Focusable); ok && f == at && w.layer.modal == nil {
		w.canvas().Focus(now.(fyne.Focusable))
	}
	switch now := now.(type) {
	case *container.Scroll:
		from := was.(*container.Scroll)
		w.take(now.Content, from.Content, at)
		if now.Offset != from.Offset {
			now.ScrollToOffset(from.Offset)
		}
	case interface{ base() *node }:
		below := was.(interface{ base() *node }).base().parts
		for i, p := range now.base().parts {
			if i < len(below) {
				w.take(p, below[i], at)
			}
		}
	}
}

// resume turns to the page that was shown, as it was shown.
func (p *pages) resume(was *pages) {
	p.apps.search.resume(was.apps.search)
	p.activity.kinds.choose(was.activity.kinds.chosen)
	p.activity.search.resume(was.activity.search)
	p.today.turn(was.today.week)
	p.show(was.page)
}

// resume has it hold what another one did, and who types there goes on where they were.
func (i *input) resume(was *input) {
	i.SetText(was.Text)
	i.CursorRow, i.CursorColumn = was.CursorRow, was.CursorColumn
}

// partsOf are o and everything below it, seen or not.
func partsOf(o fyne.CanvasObject) []fyne.CanvasObject {
	all := []fyne.CanvasObject{o}
	switch o := o.(type) {
	case *container.Scroll:
		all = append(all, partsOf(o.Content)...)
	case interface{ base() *node }:
		for _, p := range o.base().parts {
			all = append(all, partsOf(p)...)
		}
	}
	return all
}
