package window

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// untranslated are texts that stand alone in the source, and are no words of the window's.
var untranslated = map[string]string{
	"Documents":         "the name of a folder",
	"Downloads":         "the name of a folder",
	"encode events: %w": "a fault of the program's",
	"no events":         "told in other words",
	"export activity":   "the key of a dialog",
	"vpn edit ":         "the key of a dialog",
	"vpn remove ":       "the key of a dialog",
}

// wordlike is what may be words: two of them, or one that begins with a capital.
var wordlike = regexp.MustCompile(`[A-Za-z’]{2,} [A-Za-z%]|[A-Za-z]…|^[A-Z][a-z]+`)

// What the window says is in a struct of words that speak translates, or goes through
// package lang: nothing of it stays English.
func TestNothingStaysEnglish(t *testing.T) {
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	files := token.NewFileSet()
	structs, known := map[string]token.Position{}, map[string]bool{}
	for _, e := range entries {
		name := e.Name()
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(files, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ImportSpec:
				return false
			case *ast.Field:
				return n.Tag == nil
			case *ast.ValueSpec:
				if at := n.Names[0]; strings.HasSuffix(strings.ToLower(at.Name), "words") {
					structs[at.Name] = files.Position(at.Pos())
					return false
				}
			case *ast.CallExpr:
				if s, ok := n.Fun.(*ast.SelectorExpr); ok {
					if x, ok := s.X.(*ast.Ident); ok && x.Name == "lang" {
						return false
					}
				}
				if x, ok := n.Fun.(*ast.Ident); ok && x.Name == "phrasesOf" {
					for _, a := range n.Args {
						if u, ok := a.(*ast.UnaryExpr); ok {
							known[u.X.(*ast.Ident).Name] = true
						}
					}
				}
			case *ast.BasicLit:
				if n.Kind != token.STRING || name == "helpdesk.go" || name == "zta.go" || name == "run.go" { // for the helpdesk, a picture, the log
					return false
				}
				if text, err := strconv.Unquote(n.Value); err == nil && wordlike.MatchString(text) && untranslated[text] == "" {
					t.Errorf("%s: %q is English in every language", files.Position(n.Pos()), text)
				}
			}
			return true
		})
	}
	for name, at := range structs {
		if !known[name] {
			t.Errorf("%s: phrases do not name %s", at, name)
		}
	}
	if len(known) < 5 {
		t.Errorf("only %d structs of words are found", len(known))
	}
}
