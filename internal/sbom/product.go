package main

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// product is what is shipped together: programs, and the modules that they are
// linked from.
type product struct {
	name, version string
	made          time.Time
	programs      []program
	modules       []*module // by path
}

// program is a file of the product, with the SHA-256 of its bytes.
type program struct{ name, sum string }

// module is one of Go's modules, or std, the standard library.
type module struct {
	path, version string
	sum           string // as go.sum has it; empty for std
	dir           string
	licence       string // its SPDX identifier
	texts         []text
}

const (
	std  = "std"
	self = "github.com/tidegate/tidegate"
)

// add adds a program, and the modules that it was built from.
func (p *product) add(file string) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read a program: %w", err)
	}
	sum := sha256.Sum256(content)
	p.programs = append(p.programs, program{filepath.Base(file), hex.EncodeToString(sum[:])})
	info, err := buildinfo.Read(bytes.NewReader(content))
	if err != nil {
		return fmt.Errorf("read what %s was built from: %w", file, err)
	}
	if info.Main.Path != self {
		return fmt.Errorf("%s was built from %s, which is another product", file, info.Main.Path)
	}
	// go1.26.8, and perhaps an experiment behind it.
	release, _, _ := strings.Cut(strings.TrimPrefix(info.GoVersion, "go"), " ")
	if err := p.need(&module{path: std, version: "v" + release}); err != nil {
		return err
	}
	for _, dep := range info.Deps {
		if dep.Replace != nil {
			dep = dep.Replace
		}
		if err := p.need(&module{path: dep.Path, version: dep.Version, sum: dep.Sum}); err != nil {
			return err
		}
	}
	return nil
}

// need adds a module once. Programs of one product are built from the same versions.
func (p *product) need(m *module) error {
	i, found := slices.BinarySearchFunc(p.modules, m.path, func(m *module, path string) int { return strings.Compare(m.path, path) })
	if !found {
		p.modules = slices.Insert(p.modules, i, m)
		return nil
	}
	if have := p.modules[i]; have.version != m.version {
		return fmt.Errorf("the programs were built from %s %s and %s: build them together", m.path, have.version, m.version)
	}
	return nil
}

// find finds the modules' folders, and in them their licences.
func (p *product) find() error {
	out, err := goTool("list", "-m", "-f", "{{.Path}}\t{{.Version}}\t{{.Dir}}", "all")
	if err != nil {
		return err
	}
	dirs := map[[2]string]string{}
	for line := range strings.Lines(out) {
		if f := strings.Split(strings.TrimSpace(line), "\t"); len(f) == 3 {
			dirs[[2]string{f[0], f[1]}] = f[2]
		}
	}
	root, err := goTool("env", "GOROOT")
	if err != nil {
		return err
	}
	for _, m := range p.modules {
		if m.dir = dirs[[2]string{m.path, m.version}]; m.path == std {
			m.dir = strings.TrimSpace(root)
		}
		if m.dir == "" {
			return fmt.Errorf("%s %s is not what go.mod asks for: build the programs again", m.path, m.version)
		}
		if m.texts, err = find(m.dir, m.path != std); err != nil {
			return fmt.Errorf("find the licence of %s: %w", m.path, err)
		}
		for _, t := range m.texts {
			if !strings.Contains(t.name, "/") && m.licence == "" {
				m.licence = identify(t.content)
			}
		}
		if m.licence == "" {
			return fmt.Errorf("the licence of %s in %s is none that is known: look at it, and add it to the table", m.path, m.dir)
		}
	}
	return nil
}

func goTool(args ...string) (string, error) {
	c := exec.Command("go", args...)
	var errs bytes.Buffer
	c.Stderr = &errs
	out, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w: %s", args[0], err, strings.TrimSpace(errs.String()))
	}
	return string(out), nil
}
