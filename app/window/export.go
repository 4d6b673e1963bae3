package window

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"fyne.io/fyne/v2"
	"github.com/tidegate/tidegate/assets"
	"github.com/tidegate/tidegate/internal/savefile"
	"github.com/tidegate/tidegate/session"
)

// exporting asks for the file that activity is to be written to.
type exporting struct {
	w      *Window
	m      *modal
	filter session.EventFilter
	home   string
	file   *field
	wrong  *paragraph
	cancel *button
	do     *button
	over   string // the file whose replacement is agreed to by the next press
}

func (w *Window) newExport() (*modal, face) {
	d := &exporting{w: w, filter: w.pages.activity.past.filter}
	d.home, _ = os.UserHomeDir()
	text := activityWords.exportText
	if d.filter != (session.EventFilter{}) {
		text = activityWords.exportSome
	}
	d.file = w.newField(activityWords.exportFile, "", false)
	d.file.input.SetText(suggested(d.home, w.options.Now()))
	d.file.input.CursorColumn = len([]rune(d.file.input.Text))
	d.file.input.OnChanged = func(string) { d.say(nil) }
	d.wrong = newParagraph("", font{size: 13, role: roleBad}, 0)
	d.wrong.Hide()
	d.cancel = w.newButton(plain, words.cancel, "", d.escape)
	d.do = w.newButton(primary, activityWords.exportDo, "", d.enter)
	actions := newLine(10, insets{}, nil, d.cancel, d.do).growing(d.cancel, d.do)
	body := newStack(10, pad(24), nil,
		newParagraph(activityWords.exportTitle, font{size: 18, weight: assets.SemiBold, role: roleText}, 0),
		newParagraph(text, font{size: 14, role: roleMuted}, 0), newGap(2), d.file.stack, d.wrong, newGap(4), actions)
	d.m = newModal(520, body, d.escape)
	return d.m, d
}

func (d *exporting) update(session.State)  {}
func (d *exporting) first() fyne.Focusable { return d.file.input }
func (d *exporting) escape()               { d.w.pages.activity.exporting = false; d.w.settle() }

// say says what is wrong; nil: nothing is. The button offers what helps.
func (d *exporting) say(err error) {
	text, word := "", activityWords.exportDo
	d.over = ""
	switch {
	case errors.Is(err, fs.ErrExist):
		text, word, d.over = activityWords.exportThere, activityWords.exportOver, d.path()
	case err != nil:
		text = sentence(err)
	}
	d.do.set(word, "")
	d.do.setState(false, false)
	changed := d.wrong.set(text)
	if shown(d.wrong, text != "") || changed {
		d.m.settle()
	}
}

func (d *exporting) path() string { return savefile.Expand(d.file.input.Text, d.home, d.home) }

// enter writes the file.
func (d *exporting) enter() {
	if d.do.Disabled() {
		return
	}
	path := d.path()
	encode, err := encoderOf(path)
	if err != nil {
		d.say(err)
		return
	}
	over, filter := d.over == path, d.filter
	d.do.setState(true, true)
	asked := d.w.ask(func(ctx context.Context) func() {
		n, err := export(ctx, d.w.client, filter, path, encode, over)
		return func() { d.ended(path, n, err) }
	})
	if !asked {
		d.say(errors.New(words.busy))
	}
}

// ended hears what became of it; the dialog may have been closed meanwhile.
func (d *exporting) ended(path string, n int, err error) {
	if errors.Is(err, errNothing) {
		err = errors.New(activityWords.exportEmpty)
	}
	open := d.w.layer.face == face(d)
	switch {
	case err == nil:
		if open {
			d.escape()
		}
		d.w.say(fmt.Sprintf(activityWords.exports, n, path))
	case open:
		d.say(err)
	default:
		d.w.say(fmt.Sprintf(words.failed, err))
	}
}

// errNothing: there is nothing to export.
var errNothing = errors.New("no events")

// export writes all that is kept of a filter, and says how many events that are. It
// runs beside Fyne's thread, which alone has the words.
func export(ctx context.Context, c Client, f session.EventFilter, path string, encode encoder, over bool) (int, error) {
	events, err := gather(ctx, c, f)
	if err != nil {
		return 0, err
	}
	if len(events) == 0 {
		return 0, errNothing
	}
	b, err := encode(events)
	if err != nil {
		return 0, fmt.Errorf("encode events: %w", err)
	}
	return len(events), savefile.Write(path, over, func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	})
}
