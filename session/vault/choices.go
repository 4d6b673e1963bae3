package vault

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tidegate/tidegate/internal/wholefile"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// choicesFile holds what the user has chosen.
const choicesFile = "choices.json"

// aside is what is added to the name of a file that cannot be read.
const aside = ".damaged"

// LoadChoices reads what the user has chosen. A file that cannot be read, or holds what
// cannot be chosen, is set aside with its name and .damaged, which the error says.
func (r Records) LoadChoices() (session.KeptChoices, error) {
	path := filepath.Join(r.Dir, choicesFile)
	k, err := readChoices(path)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return k, nil
	}
	if moved := os.Rename(path, path+aside); moved != nil {
		return session.KeptChoices{}, fmt.Errorf("%s cannot be read: %w; and it cannot be set aside: %w", path, err, moved)
	}
	return session.KeptChoices{}, fmt.Errorf("%s cannot be read: %w; it was set aside as %s", path, err, path+aside)
}

func readChoices(path string) (session.KeptChoices, error) {
	var k session.KeptChoices
	if i, err := os.Stat(path); err != nil {
		return k, err
	} else if !i.Mode().IsRegular() {
		return k, fmt.Errorf("it is no file")
	}
	f, err := os.Open(path)
	if err != nil {
		return k, err
	}
	defer f.Close()
	err = wire.ReadJSON(f, &k)
	if err == nil {
		err = k.Checked()
	}
	if err != nil {
		return session.KeptChoices{}, err
	}
	return k, nil
}

// SaveChoices replaces them: after a crash they are the old ones or the new ones.
func (r Records) SaveChoices(k session.KeptChoices) error {
	b, err := json.MarshalIndent(k, "", "\t")
	if err != nil {
		return fmt.Errorf("encode choices: %w", err)
	}
	if err := wholefile.Replace(filepath.Join(r.Dir, choicesFile), append(b, '\n')); err != nil {
		return fmt.Errorf("save choices: %w", err)
	}
	return nil
}
