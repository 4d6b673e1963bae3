package window

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tidegate/tidegate/app/diag"
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
	path     string      // where it is to be saved, as far as that was typed
	wrong    string      // why it was not saved
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
		d.failed = fmt.Sprintf(diagWords.failed, err)
	}
	d.path = filepath.Join(downloads(), r.Name())
	d.changed()
}

// downloads is the folder where people look for what was saved.
func downloads() string {
	home, err := os.UserHomeDir()
	if err != nil {
		return os.TempDir()
	}
	if folder := filepath.Join(home, "Downloads"); isFolder(folder) {
		return folder
	}
	return home
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// save writes the archive.
func (d *diagnosing) save() {
	if d.saving || d.running || d.saved != "" {
		return
	}
	d.saving, d.wrong = true, ""
	path, report := d.path, d.report
	asked := d.w.ask(func(context.Context) func() {
		err := report.Save(path)
		return func() {
			d.saving = false
			if err != nil {
				d.wrong = sentence(err)
			} else {
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
