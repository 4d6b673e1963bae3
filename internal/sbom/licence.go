package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// text is a file with a licence or a notice in it, named within its module.
type text struct {
	name    string
	content []byte
}

// named finds the files that licences ask to pass on.
var named = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents|unlicense)([._-].*)?$`)

// find finds the licences of a module: at its top and, with what it brings of
// others, deeper.
func find(dir string, deep bool) ([]text, error) {
	var all []text
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if path != dir && (!deep || d.Name() == "testdata") {
				return filepath.SkipDir
			}
			return nil
		}
		if ext := filepath.Ext(d.Name()); !d.Type().IsRegular() || !named.MatchString(d.Name()) || ext == ".go" || ext == ".tmpl" {
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		all = append(all, text{filepath.ToSlash(rel), content})
		return nil
	})
	return all, err
}

// known are licences' SPDX identifiers with what stands in their texts, and in no
// text of those after them.
var known = []struct {
	id    string
	words []string
}{
	{"Apache-2.0", []string{"apache license", "version 2.0, january 2004"}},
	{"MPL-2.0", []string{"mozilla public license", "version 2.0"}},
	{"BSD-3-Clause", []string{"redistribution and use in source and binary forms", "contributors may be used to endorse"}},
	{"BSD-3-Clause", []string{"redistribution and use in source and binary forms", "may be used to endorse or promote products"}},
	{"BSD-2-Clause", []string{"redistribution and use in source and binary forms", "redistributions in binary form must reproduce"}},
	{"MIT", []string{"permission is hereby granted, free of charge", "the software is provided \"as is\""}},
	{"ISC", []string{"permission to use, copy, modify, and/or distribute this software for any purpose"}},
	{"ISC", []string{"permission to use, copy, modify, and distribute this software for any purpose"}},
	{"Zlib", []string{"this software is provided 'as-is'", "altered source versions must be plainly marked"}},
	{"Unlicense", []string{"this is free and unencumbered software released into the public domain"}},
}

// identify is the SPDX identifier of a licence's text; empty: it is none that is known.
func identify(content []byte) string {
	plain := strings.ToLower(strings.Join(strings.Fields(string(content)), " "))
next:
	for _, k := range known {
		for _, words := range k.words {
			if !strings.Contains(plain, words) {
				continue next
			}
		}
		return k.id
	}
	return ""
}

// texts are all licences, each text once, with the modules that it is of.
func (p *product) texts() []byte {
	var order []string
	of := map[string][]string{}
	for _, m := range p.modules {
		for _, t := range m.texts {
			content := string(bytes.TrimSpace(bytes.ReplaceAll(t.content, []byte("\r\n"), []byte("\n"))))
			if of[content] == nil {
				order = append(order, content)
			}
			of[content] = append(of[content], fmt.Sprintf("%s %s, %s", m.path, m.version, t.name))
		}
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s is built from Go modules of others. These are their licences and notices.\n", p.name, p.version)
	for _, content := range order {
		fmt.Fprintf(&b, "\n%s\n%s\n\n%s\n", strings.Repeat("=", 80), strings.Join(of[content], "\n"), content)
	}
	return b.Bytes()
}
