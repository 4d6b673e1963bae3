package lang

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// said are the texts that the program's source has for people, and where.
type said struct {
	texts   map[string]token.Position
	plurals map[string]token.Position // by the form for many
	layouts map[string]token.Position
	told    map[string]token.Position // composed in English
}

// source reads what is called with texts of its own, and the structs of words: the
// variables of the window that are named so.
func source(t *testing.T, root string) said {
	t.Helper()
	s := said{map[string]token.Position{}, map[string]token.Position{}, map[string]token.Position{}, map[string]token.Position{}}
	files := token.NewFileSet()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && path != root && (name == "build" || name == "testdata" || strings.HasPrefix(name, ".")) {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				s.call(files, n)
				switch f.Name.Name {
				case "gather":
					s.twice(t, files, n)
				case "cli":
					s.printed(files, n)
				}
			case *ast.ValueSpec:
				if strings.HasSuffix(strings.ToLower(n.Names[0].Name), "words") && f.Name.Name == "window" {
					s.words(files, n)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s said) call(files *token.FileSet, c *ast.CallExpr) {
	f, ok := c.Fun.(*ast.SelectorExpr)
	if !ok {
		return
	}
	x, ok := f.X.(*ast.Ident)
	into, at := s.texts, 0
	switch {
	case ok && x.Name == "protocol" && f.Sel.Name == "Refuse": // by the helper
		if text, ok := literal(c.Args[1]); ok && sentences.MatchString(text) {
			s.told[text] = files.Position(c.Pos())
		}
		return
	case !ok || x.Name != "lang":
		return
	}
	switch f.Sel.Name {
	case "T", "F":
	case "English":
		into = s.told
	case "N":
		into, at = s.plurals, 1
	case "Time":
		into, at = s.layouts, 1
	default:
		return
	}
	if text, ok := literal(c.Args[at]); ok {
		into[text] = files.Position(c.Pos())
	}
}

// twice takes what a diagnosis says in English and in the user's language.
func (s said) twice(t *testing.T, files *token.FileSet, c *ast.CallExpr) {
	f, ok := c.Fun.(*ast.Ident)
	if !ok || f.Name != "say" && f.Name != "count" {
		return
	}
	into, at := s.texts, 0
	if f.Name == "count" {
		into, at = s.plurals, 1
	}
	text, ok := literal(c.Args[at])
	if !ok {
		t.Errorf("%s: what is said twice is no text", files.Position(c.Pos()))
	}
	into[text] = files.Position(c.Pos())
}

// printed takes what the command line's own words are handed to: what puts a row, a head
// or a sentence into the user's language.
func (s said) printed(files *token.FileSet, c *ast.CallExpr) {
	name := ""
	switch f := c.Fun.(type) {
	case *ast.Ident:
		name = f.Name
	case *ast.SelectorExpr:
		name = f.Sel.Name
	}
	at := []int{0}
	switch name {
	case "row":
		at = []int{0, 1}
	case "say", "done":
	case "table":
		if head, ok := c.Args[0].(*ast.CompositeLit); ok {
			for _, e := range head.Elts {
				if text, ok := literal(e); ok {
					s.texts[text] = files.Position(e.Pos())
				}
			}
		}
		return
	default:
		return
	}
	for _, i := range at {
		if i < len(c.Args) {
			if text, ok := literal(c.Args[i]); ok && strings.ContainsFunc(verbs.ReplaceAllString(text, ""), unicode.IsLetter) {
				s.texts[text] = files.Position(c.Pos())
			}
		}
	}
}

func (s said) words(files *token.FileSet, v *ast.ValueSpec) {
	for _, value := range v.Values {
		if c, ok := value.(*ast.CompositeLit); ok {
			for _, e := range c.Elts {
				if kv, ok := e.(*ast.KeyValueExpr); ok {
					if text, ok := literal(kv.Value); ok {
						s.texts[text] = files.Position(kv.Pos())
					}
				}
			}
		}
	}
}

// literal is the text of one, or of several that are added.
func literal(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return text, err == nil && e.Kind == token.STRING
	case *ast.BinaryExpr:
		x, okX := literal(e.X)
		y, okY := literal(e.Y)
		return x + y, okX && okY && e.Op == token.ADD
	}
	return "", false
}

// Everything that is said is in every catalogue, and what is said no more is in none.
func TestEverythingIsTranslated(t *testing.T) {
	s := source(t, filepath.Join("..", ".."))
	if len(s.texts) < 100 || len(s.plurals) == 0 || len(s.told) < 10 {
		t.Fatalf("only %d texts are found", len(s.texts))
	}
	for _, l := range Languages()[1:] {
		c, err := load(l.Tag)
		if err != nil {
			t.Fatal(err)
		}
		for text, at := range s.texts {
			if c.texts[text].text == "" {
				t.Errorf("%s: %s: %q is not translated", l.Tag, at, text)
			}
		}
		for text, at := range s.told {
			found := slices.ContainsFunc(c.composed, func(p *composition) bool { return p.format == text })
			if !found && (filled.MatchString(text) || c.texts[text].text == "") {
				t.Errorf("%s: %s: %q is not in told.json", l.Tag, at, text)
			}
		}
		for text, at := range s.plurals {
			if c.texts[text].forms == nil {
				t.Errorf("%s: %s: %q has no plural forms", l.Tag, at, text)
			}
		}
		for _, name := range []string{"window.json", "diagnosis.json"} { // whose texts all stand in calls and words
			data, err := catalogs.ReadFile(path.Join("catalog", l.Tag, name))
			if err != nil {
				t.Fatal(err)
			}
			file := &catalogue{texts: map[string]entry{}}
			if err := file.add(data); err != nil {
				t.Fatal(err)
			}
			for text := range file.texts {
				_, one := s.texts[text]
				if _, many := s.plurals[text]; !one && !many {
					t.Errorf("%s: nothing says %q of %s", l.Tag, text, name)
				}
			}
		}
		for from := range c.times.Layouts {
			if _, here := s.layouts[from]; !here {
				t.Errorf("%s: nothing has the layout %q", l.Tag, from)
			}
		}
	}
	for text := range s.plurals {
		if _, twice := s.texts[text]; twice {
			t.Errorf("%q is said with and without a number of things", text)
		}
	}
}
