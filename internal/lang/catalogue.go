package lang

import (
	"embed"
	"encoding/json"
	"fmt"
	"maps"
	"path"

	"golang.org/x/text/language"
)

//go:embed catalog
var catalogs embed.FS

// load reads the files of a language. Where two of them have a text, a test holds
// that it is the same.
func load(tag string) (*catalogue, error) {
	if tag == "en" {
		return english, nil
	}
	t, err := language.Parse(tag)
	if err != nil {
		return nil, fmt.Errorf("language %q: %w", tag, err)
	}
	c := &catalogue{tag: tag, language: t, texts: map[string]entry{}}
	dir := path.Join("catalog", tag)
	files, err := catalogs.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("language %q: %w", tag, err)
	}
	for _, f := range files {
		name := path.Join(dir, f.Name())
		data, err := catalogs.ReadFile(name)
		if err != nil {
			return nil, err
		}
		if f.Name() == "times.json" {
			err = json.Unmarshal(data, &c.times)
		} else {
			err = c.add(data)
		}
		if err == nil && f.Name() == "told.json" {
			var texts map[string]entry
			err = json.Unmarshal(data, &texts)
			c.composing(texts)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return c, nil
}

func (c *catalogue) add(data []byte) error {
	var texts map[string]entry
	if err := json.Unmarshal(data, &texts); err != nil {
		return err
	}
	maps.Copy(c.texts, texts)
	return nil
}

// UnmarshalJSON reads a text, or the forms of one.
func (e *entry) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '{' {
		return json.Unmarshal(data, &e.forms)
	}
	return json.Unmarshal(data, &e.text)
}
