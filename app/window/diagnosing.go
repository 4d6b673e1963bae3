package window

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tidegate/tidegate/app/diag"
	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/internal/savefile"
)

// diagnosing is a diagnosis that the user asked for, from its begin until its
// dialog is closed. It belongs to Fyne's thread.
type diagnosing struct {
	w      *Window
	cancel context.CancelFunc

	running  bool
	progress diag.Progress
	report   diag.Report // once it is there
	failed   string      // why it is not
	file     *diag.File  // what is read; nil: nothing is
	page     int         // of it
	home     string
	path     string // where it is to be saved, as far as that was typed
	over     string // the file whose replacement is agreed to by the next press
	wrong    string // why it was not saved
	saving   bool
	saved    string // where it was; empty: nowhere yet
}

// diagnose begins a diagnosis, which opens its dialog.
func (w *Window) diagnose() {
	ctx, cancel := context.WithCancel(context.Background())
	d := &diagnosing{w: w, cancel: cancel, running: true}
	w.diagnosis = d
	asked := w.askSlow(func(outer context.Context) func() {
		defer context.AfterFunc(outer, cancel)()
		r, err := w.client.Diagnose(ctx, func(p diag.Progress) {
			w.enter(ctx, func() { d.progress = p; d.changed() })
		})
		return func() { d.ended(r, err) }
	})
	if !asked {
		d.ended(diag.Report{}, errors.New(words.busy))
	}
	w.settle()
}

// changed has the dialog show what is so now.
func (d *diagnosing) changed() {
	if f, ok := d.w.layer.face.(*diagnosis); ok && f.run == d {
		f.show()
	}
}

func (d *diagnosing) ended(r diag.Report, err error) {
	d.running = false
	d.cancel()
	d.report = r
	if err != nil {
		d.failed = fmt.Sprintf(diagWords.failed, lang.Told(err.Error()))
	}
	d.home, _ = os.UserHomeDir()
	d.path = filepath.Join(folderOf(d.home, "Downloads"), r.Name())
	d.changed()
}

// save writes the archive.
func (d *diagnosing) save() {
	if d.saving || d.running || d.saved != "" {
		return
	}
	path, report := savefile.Expand(d.path, d.home, d.home), d.report
	over := d.over == path
	d.saving, d.wrong, d.over = true, "", ""
	asked := d.w.ask(func(context.Context) func() {
		err := report.Save(path, over)
		return func() {
			d.saving = false
			switch {
			case errors.Is(err, fs.ErrExist):
				d.wrong, d.over = activityWords.exportThere, path
			case err != nil:
				d.wrong = sentence(err)
			default:
				d.saved = path
				d.w.say(fmt.Sprintf(diagWords.saved, path))
			}
			d.changed()
		}
	})
	if !asked {
		d.saving, d.wrong = false, words.busy
	}
	d.changed()
}

// close ends it.
func (d *diagnosing) close() {
	d.cancel()
	if d.w.diagnosis == d {
		d.w.diagnosis = nil
	}
	d.w.settle()
}
