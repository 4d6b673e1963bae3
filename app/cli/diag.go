package cli

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/tidegate/tidegate/app/diag"
	"github.com/tidegate/tidegate/app/local"
	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/internal/plaintext"
	"github.com/tidegate/tidegate/internal/savefile"
)

const diagAbout = `It looks at the session, at this machine and at the ways to the controller
and the gateways, for at most twenty seconds, and says of each what to do.
What the helpdesk needs is saved as an archive that holds no password, code,
cookie, key or token; read it before you pass it on. Where Tidegate does not
run, it looks at the rest.`

func diagFlags(c *call, fs *flag.FlagSet) {
	fs.StringVar(&c.out, "out", "", "save the archive as `FILE`, and not by its date in this folder")
}

// diagFile is a file of the archive, for programs.
type diagFile struct {
	Name string `json:"name"`
	Size int    `json:"size"`
}

// diag says what is wrong, and saves what the helpdesk needs.
func (c *call) diag(ctx context.Context, _ []string) error {
	if c.out != "" { // better now than when all has been looked at
		path, err := c.archivePath(c.out)
		if err != nil {
			return err
		}
		if err := savefile.Check(path); err != nil {
			return notSaved(path, err)
		}
	}
	r, err := c.diagnose(ctx)
	if err != nil {
		return err
	}
	path, err := c.archivePath(cmp.Or(c.out, r.Name()))
	if err != nil {
		return err
	}
	if !c.json {
		fmt.Fprint(c.Out, reportText(r))
	}
	if err := r.Save(path, false); err != nil {
		return notSaved(path, err)
	}
	files := make([]diagFile, len(r.Files))
	for i, f := range r.Files {
		files[i] = diagFile{f.Name, len(f.Text)}
	}
	if c.json {
		return c.write(struct {
			Saved  string       `json:"saved"`
			Checks []diag.Check `json:"checks"`
			Files  []diagFile   `json:"files"`
		}{path, r.Checks, files}, "  ")
	}
	rows := make([][]string, len(files))
	for i, f := range files {
		rows[i] = []string{f.Name, lang.F("%d bytes", f.Size)}
	}
	c.say("")
	c.say("Saved as %s", path)
	c.say("These files are in it, as text, with no password, code, cookie, key or token; read them before you pass it on:")
	c.table(nil, rows)
	return nil
}

// diagnose has the instance find out, or does where none runs. A terminal is shown how
// far it is.
func (c *call) diagnose(ctx context.Context) (diag.Report, error) {
	told := func(diag.Progress) {}
	if !c.json && isTerminal(c.Err) {
		const erase = "\r\x1b[K"
		told = func(p diag.Progress) {
			fmt.Fprint(c.Err, erase+lang.F("%d of %d", p.Done, p.Total)+"  "+plaintext.Short(cmp.Or(p.Here, p.Title), 60))
		}
		defer fmt.Fprint(c.Err, erase)
	}
	switch {
	case c.client != nil:
		return c.client.Diagnose(ctx, told)
	case c.Diagnose != nil:
		return c.Diagnose(ctx, told)
	}
	return diag.Report{}, local.ErrNotRunning
}

// reportText is what was found, in the user's language: the archive has it in English.
func reportText(r diag.Report) string {
	r.Version, r.Checks = plaintext.Line(r.Version), slices.Clone(r.Checks)
	for i := range r.Checks {
		w := r.Checks[i].Shown()
		r.Checks[i].Here = diag.Words{Title: plaintext.Line(w.Title), Text: plaintext.Line(w.Text), Fix: plaintext.Line(w.Fix)}
	}
	return r.Told()
}

// archivePath is where the archive goes: what was said, below this folder.
func (c *call) archivePath(said string) (string, error) {
	here, err := os.Getwd()
	if err != nil && !filepath.IsAbs(said) {
		return "", fmt.Errorf("find this folder: %w; name a file by --out, from the root on", err)
	}
	home, _ := os.UserHomeDir()
	return savefile.Expand(said, here, home), nil
}

// notSaved says why the archive is not there.
func notSaved(path string, err error) error {
	if errors.Is(err, fs.ErrExist) {
		return errors.New(lang.F("%s is there already; choose another name by --out, or remove it first", path))
	}
	return fmt.Errorf(lang.T("save the archive as %s: %w"), path, err)
}
