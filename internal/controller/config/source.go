package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Source is the text of a configuration: its files by their names, without
// folders.
type Source map[string]string

// ReadSource reads the file, or the directory's files, that Load would.
func ReadSource(path string) (Source, error) {
	files, err := filesOf(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	s := Source{}
	for _, name := range files {
		data, err := readFile(name)
		if err != nil {
			return nil, fmt.Errorf("read configuration: %w", err)
		}
		s[filepath.Base(name)] = string(data)
	}
	return s, nil
}

// Load checks the source as Load would a directory of it. Errors name its
// files as they are named in it.
func (s Source) Load() (*Config, error) {
	dir, err := os.MkdirTemp("", "tidegate-configuration-")
	if err != nil {
		return nil, fmt.Errorf("check configuration: %w", err)
	}
	defer os.RemoveAll(dir)
	if err := s.write(dir); err != nil {
		return nil, err
	}
	conf, err := Load(dir)
	if err != nil {
		return nil, errors.New(strings.ReplaceAll(err.Error(), dir+string(filepath.Separator), ""))
	}
	return conf, nil
}

// write puts the files into an empty directory, and onto the disk.
func (s Source) write(dir string) error {
	for name, text := range s {
		if name != filepath.Base(name) || !strings.HasSuffix(name, ".yaml") || strings.HasPrefix(name, ".") {
			return fmt.Errorf("%q is no name of a configuration's file; write one that ends in .yaml", name)
		}
		if err := writeSynced(filepath.Join(dir, name), text); err != nil {
			return err
		}
	}
	return nil
}

func writeSynced(name, text string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	_, err = f.WriteString(text)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	return nil
}

// Replace puts the source in the place of the configuration at path, in one
// step: whoever reads it, and a machine that crashes, finds the old one or the
// new one whole. A file gets all of the source's documents; a directory has to
// be a symbolic link to one, which then leads to a new directory beside it.
func (s Source) Replace(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return fmt.Errorf("replace configuration: %w", err)
	}
	switch {
	case info.IsDir():
		return fmt.Errorf("%s is a directory, whose files cannot be replaced in one step; make it a symbolic link to one: mv %[1]s %[1]s.0 && ln -s %[2]s.0 %[1]s", path, filepath.Base(path))
	case info.Mode()&os.ModeSymlink != 0:
		if to, err := os.Stat(path); err == nil && to.IsDir() {
			return s.replaceLink(path)
		}
		if path, err = filepath.EvalSymlinks(path); err != nil {
			return fmt.Errorf("replace configuration: %w", err)
		}
	}
	tmp, err := os.MkdirTemp(filepath.Dir(path), ".tidegate-")
	if err != nil {
		return fmt.Errorf("replace configuration: %w", err)
	}
	defer os.RemoveAll(tmp)
	staged := filepath.Join(tmp, "new.yaml")
	if err := writeSynced(staged, s.joined()); err != nil {
		return err
	}
	if err := s.means(staged); err != nil {
		return err
	}
	return renameSynced(staged, path)
}

// means checks that a file into which several were joined says what they say.
func (s Source) means(joined string) error {
	if len(s) == 1 {
		return nil
	}
	apart, err := s.Load()
	if err != nil {
		return err
	}
	var a, b []byte
	one, err := Load(joined)
	if err == nil {
		apart.StateDir, one.StateDir, apart.Digest, one.Digest = "", "", "", ""
		a, err = json.Marshal(apart)
	}
	if err == nil {
		b, err = json.Marshal(one)
	}
	if err == nil && !bytes.Equal(a, b) {
		err = errors.New("they mean something else together")
	}
	if err != nil {
		return fmt.Errorf("these files cannot be joined into one, which is what would be replaced; make that a directory, or write one file: %w", err)
	}
	return nil
}

// replaceLink leads a symbolic link to a new directory, and removes the one
// that it led to if Replace had made that.
func (s Source) replaceLink(path string) error {
	parent := filepath.Dir(path)
	before, err := os.Readlink(path)
	if err != nil {
		return fmt.Errorf("replace configuration: %w", err)
	}
	prefix := filepath.Base(path) + ".tidegate-"
	dir, err := os.MkdirTemp(parent, prefix)
	if err != nil {
		return fmt.Errorf("replace configuration: %w", err)
	}
	link := dir + ".link"
	if err = s.write(dir); err == nil {
		err = stateElsewhere(path, dir)
	}
	if err == nil {
		err = os.Symlink(filepath.Base(dir), link)
	}
	if err == nil {
		err = renameSynced(link, path)
	}
	if err != nil {
		os.Remove(link)
		os.RemoveAll(dir)
		return err
	}
	if before == filepath.Base(before) && strings.HasPrefix(before, prefix) {
		old := filepath.Join(parent, before)
		files, _ := filesOf(old)
		for _, name := range files {
			os.Remove(name)
		}
		os.Remove(old) // unless something else is in it, which stays
	}
	return nil
}

// stateElsewhere refuses to lead the link at path to the directory next where
// the state is, or would be, in what it leads to: it would be left behind.
func stateElsewhere(path, next string) error {
	conf, err := Load(next)
	if err != nil {
		return errors.New(strings.ReplaceAll(err.Error(), next, path))
	}
	states := []string{conf.StateDir}
	if before, err := Load(path); err == nil {
		states = append(states, before.StateDir)
	}
	for _, dir := range []string{path, next} {
		real, err := filepath.EvalSymlinks(dir)
		if err != nil {
			return fmt.Errorf("replace configuration: %w", err)
		}
		for _, state := range states {
			if within(state, dir) || within(state, real) {
				return fmt.Errorf("the stateDir is in the directory %s, which is replaced whole; write another in it, such as stateDir: ../state, move the state there, and start the controller again", path)
			}
		}
	}
	return nil
}

// within says whether a path is a directory's or leads into it.
func within(path, dir string) bool {
	path, err := filepath.Abs(path)
	if err != nil {
		return true
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return true
	}
	rel, err := filepath.Rel(dir, path)
	return err == nil && (rel == "." || filepath.IsLocal(rel))
}

// renameSynced renames, and puts that onto the disk.
func renameSynced(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return fmt.Errorf("replace configuration: %w", err)
	}
	d, err := os.Open(filepath.Dir(to))
	if err != nil {
		return fmt.Errorf("replace configuration: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("replace configuration: %w", err)
	}
	return nil
}

// joined is the source as one file. Each document says where it came from.
func (s Source) joined() string {
	names := slices.Sorted(maps.Keys(s))
	if len(names) == 1 {
		return s[names[0]]
	}
	var b strings.Builder
	for i, name := range names {
		if i > 0 {
			b.WriteString("---\n")
		}
		fmt.Fprintf(&b, "# %s\n%s", name, strings.TrimPrefix(s[name], "---\n"))
		if !strings.HasSuffix(s[name], "\n") {
			b.WriteByte('\n')
		}
	}
	return b.String()
}
