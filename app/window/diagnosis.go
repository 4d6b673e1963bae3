package window

import (
	"cmp"
	"fmt"
	"strconv"

	"fyne.io/fyne/v2"
	"github.com/tidegate/tidegate/app/diag"
	"github.com/tidegate/tidegate/assets"
	"github.com/tidegate/tidegate/session"
)

// diagnosis is the dialog of a diagnosis: how far it is, then what was found and
// what is to be saved, then one of the files.
//
//	running ──► found ◄──► a file
type diagnosis struct {
	w   *Window
	run *diagnosing
	m   *modal

	body  *stack
	focus fyne.Focusable
	shows string     // which of the three
	last  *diag.File // that was read
	step  *paragraph
	spin  *spinner
	file  *field
	wrong *paragraph
	save  *button
}

func (w *Window) newDiagnosis() (*modal, face) {
	d := &diagnosis{w: w, run: w.diagnosis}
	d.body = newStack(0, pad(24), nil)
	d.m = newModal(680, d.body, nil)
	d.show()
	return d.m, d
}

func (d *diagnosis) update(session.State)  {}
func (d *diagnosis) first() fyne.Focusable { return d.focus }

// enter saves where the file's name was typed.
func (d *diagnosis) enter() {
	if d.file != nil && d.w.canvas().Focused() == d.file.input {
		d.run.save()
	}
}

func (d *diagnosis) escape() {
	if d.run.file != nil {
		d.read(nil)
		return
	}
	d.run.close()
}

func (d *diagnosis) closed() {
	if d.spin != nil {
		d.spin.set(false)
	}
}

// show shows what is so now. What is built stays for as long as it is of use, and
// what has the focus keeps it.
func (d *diagnosis) show() {
	is := "found " + strconv.FormatBool(d.run.saved != "")
	switch {
	case d.run.running:
		is = "running"
	case d.run.failed != "":
		is = "failed"
	case d.run.file != nil:
		is = "file " + d.run.file.Name + " " + strconv.Itoa(d.run.page)
	}
	fresh := is != d.shows
	if fresh {
		d.shows = is
		d.closed()
		d.file, d.spin, d.step = nil, nil, nil
		var items []fyne.CanvasObject
		switch {
		case d.run.running:
			items = d.working()
		case d.run.failed != "":
			items = d.failure()
		case d.run.file != nil:
			items = d.page()
		default:
			items = d.found()
		}
		d.body.set(items...)
	}
	if p := d.run.progress; d.step != nil && p.Total > 0 {
		d.step.set(fmt.Sprintf(diagWords.step, p.Done, p.Total, cmp.Or(p.Here, p.Title)))
	}
	if d.file != nil {
		d.wrong.set(d.run.wrong)
		shown(d.wrong, d.run.wrong != "")
		word := diagWords.save
		if d.run.over != "" {
			word = activityWords.exportOver
		}
		d.save.set(word, "")
		d.save.setState(d.run.saving, d.run.saving)
	}
	if d.w.layer.face != face(d) {
		return
	}
	d.m.settle()
	if fresh {
		d.m.scroll.ScrollToTop()
		d.w.focusFirst()
	}
}

// sign is a button without text, which is scrolled to when it has the focus.
func (d *diagnosis) sign(name, icon string, tap func()) *button {
	b := d.w.newButton(quiet, "", icon, tap)
	b.name, b.high = name, 34
	return b
}

// head is a heading with what closes the dialog, or leads back.
func (d *diagnosis) head(icon string, t tone, title, text string) []fyne.CanvasObject {
	close := d.sign(words.close, "close", func() { d.run.close() })
	d.focus = close
	name := newParagraph(title, font{size: 18, weight: assets.SemiBold, role: roleText}, 0)
	line := newLine(12, insets{}, nil, newBadge(40, newSurface(t.soft(), "", 12), newGlyph(icon, false, 22, t.ink())), name, close).growing(name)
	return []fyne.CanvasObject{line, newGap(10), newParagraph(text, font{size: 14, role: roleMuted}, 0), newGap(14)}
}

func (d *diagnosis) working() []fyne.CanvasObject {
	items := d.head("support_agent", accent, diagWords.title, diagWords.working)
	d.spin = newSpinner(20, 2.5, roleAccent)
	d.spin.set(true)
	d.step = newParagraph("", font{size: 14, role: roleText}, 0)
	cancel := d.w.newButton(plain, words.cancel, "", d.escape)
	d.focus = cancel
	return append(items, newLine(12, pads(6, 0), nil, d.spin, d.step).growing(d.step), newGap(16), cancel)
}

func (d *diagnosis) failure() []fyne.CanvasObject {
	items := d.head("error", bad, diagWords.title, d.run.failed)
	again := d.w.newButton(primary, diagWords.again, "refresh", func() { d.run.close(); d.w.diagnose() })
	d.focus = again
	return append(items, again)
}

// found is what was found: what to look at, what is saved, and what is fine.
func (d *diagnosis) found() []fyne.CanvasObject {
	r := &d.run.report
	icon, t := "check_circle", good
	switch {
	case r.Count(diag.Bad) > 0:
		icon, t = "error", bad
	case r.Count(diag.Warning) > 0:
		icon, t = "warning", warn
	}
	items := d.head(icon, t, diagWords.title, r.Shown())
	look := checkRows(r, diag.Bad, diag.Warning, diag.Unknown)
	if len(look) > 0 {
		items = append(items, heading(diagWords.wrong, 0))
		items = append(items, look...)
	}
	items = append(items, heading(diagWords.helpdesk, 18), d.archive())
	if fine := checkRows(r, diag.Good); len(fine) > 0 {
		items = append(items, heading(diagWords.fine, 22))
		items = append(items, fine...)
	}
	return items
}

// checkRows are the checks that came to one of these, in this order.
func checkRows(r *diag.Report, outcomes ...diag.Outcome) (rows []fyne.CanvasObject) {
	for _, o := range outcomes {
		for _, c := range r.Checks {
			if c.Outcome == o {
				rows = append(rows, newCheckRow(c), newGap(8))
			}
		}
	}
	return rows
}

// newCheckRow is a check: its sign and word, what was found, and what to do.
func newCheckRow(c diag.Check) fyne.CanvasObject {
	s, said := outcomeState(c.Outcome), c.Shown()
	title := newParagraph(said.Title, font{size: 14, weight: assets.SemiBold, role: roleText}, 0)
	texts := newStack(3, insets{}, nil, title, newParagraph(said.Text, font{size: 13, role: roleMuted}, 0))
	if said.Fix != "" {
		texts.set(append(texts.items, newParagraph(said.Fix, font{size: 13, weight: assets.Medium, role: roleText}, 0))...)
	}
	row := newLine(14, pads(11, 14), newSurface(roleRaised, roleLine, 12), texts, newPill(s.word, s.icon, s.tone)).growing(texts)
	row.top = true
	return row
}

// archive is what is saved: each file to read, and where to.
func (d *diagnosis) archive() fyne.CanvasObject {
	items := []fyne.CanvasObject{newParagraph(diagWords.helpdeskText, font{size: 13, role: roleMuted}, 0), newGap(4)}
	for i := range d.run.report.Files {
		f := &d.run.report.Files[i]
		open := d.w.newButton(quiet, f.Name, "description", func() { d.read(f) })
		open.name, open.left, open.high = diagWords.read+" "+f.Name, true, 34
		size := newLabel(bytesText(int64(len(f.Text))), font{size: 13, role: roleFaint})
		items = append(items, newLine(10, insets{right: 10}, nil, open, size).growing(open))
		if f == d.last {
			d.focus = open
		}
	}
	items = append(items, newGap(8))
	if at := d.run.saved; at != "" {
		where := newParagraph(fmt.Sprintf(diagWords.saved, at), font{size: 13, weight: assets.Medium, role: roleText}, 0)
		copyIt := d.sign(words.copy+" "+diagWords.there, "content_copy", func() { d.w.copy(at, words.copied) })
		d.focus = copyIt
		items = append(items, newLine(10, insets{}, nil, newGlyph("check_circle", true, 18, roleGood), where, copyIt).growing(where))
		return newStack(4, pads(14, 16), newSurface(roleSurface, roleLineStrong, 14), items...)
	}
	d.file = d.w.newField(diagWords.file, "", false)
	d.file.input.SetText(d.run.path)
	d.file.input.CursorColumn = len([]rune(d.run.path))
	d.file.input.OnChanged = func(s string) {
		d.run.path = s
		if d.run.wrong != "" {
			d.run.wrong, d.run.over = "", ""
			d.show()
		}
	}
	d.wrong = newParagraph("", font{size: 13, role: roleBad}, 0)
	d.wrong.Hide()
	d.save = d.w.newButton(primary, diagWords.save, "", d.run.save)
	items = append(items, d.file.stack, d.wrong, newGap(6), atEnd(d.save))
	return newStack(4, pads(14, 16), newSurface(roleSurface, roleLineStrong, 14), items...)
}

// read shows a file; nil goes back.
func (d *diagnosis) read(f *diag.File) {
	d.last = d.run.file
	d.run.file, d.run.page = f, 0
	d.show()
}

// page is a part of a file, as it is saved.
func (d *diagnosis) page() []fyne.CanvasObject {
	f := d.run.file
	parts := parted(f.Text)
	n := min(d.run.page, len(parts)-1)
	part := parts[n]
	items := d.head("description", neutral, f.Name, linesText(part.from, part.to, parts[len(parts)-1].to))
	back := d.w.newButton(plain, diagWords.back, "", func() { d.read(nil) })
	d.focus = back
	actions := []fyne.CanvasObject{back}
	if len(parts) > 1 {
		turn := func(text string, by int) *button {
			b := d.w.newButton(plain, text, "", func() { d.run.page = n + by; d.show() })
			b.setState(n+by < 0 || n+by >= len(parts), false)
			actions = append(actions, b)
			return b
		}
		turn(diagWords.earlier, -1)
		if further := turn(diagWords.more, 1); n > 0 && !further.Disabled() {
			d.focus = further
		}
	}
	row := newLine(10, insets{}, nil, actions...)
	for _, a := range actions {
		row.growing(a)
	}
	text := newStack(0, pads(12, 14), newSurface(roleGround, roleLine, 12), newVerbatim(part.text))
	return append(items, row, newGap(14), text) // the row first: what has the focus is to be seen
}
