package lang

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// tabled are the packages whose words stand in tables, in formats that are handed on and
// in errors, and not only where lang is called.
var tabled = []string{"session", "tray", "app/notify", "internal/cause", "tunnel", "dnssplit", "app/host", "app/tun"}

// kept is what reads like a sentence there and is said in every language as it is.
var kept = []string{
	"Tidegate", "Ivanti Connect Secure / Pulse", "Juniper Network Connect", "Cisco AnyConnect / ocserv",
	"Palo Alto GlobalProtect", "Fortinet FortiGate", "F5 BIG-IP",
	"ssh -o HostKeyAlias=", "ssh -p ", "2 Jan 15:04",
	"NameOwnerChanged", "SettingChanged", // D-Bus's
	"sign out at the controller",                                                                                                                              // logged
	"remote error", "tidegate loopback\x00", "nothing comes back", "HTTP/3 may work again", "the network has changed", "networks are not led to the device: ", // of developers
}

// sentences read like what is said to people: several words, or one with a capital.
var sentences = regexp.MustCompile(`^[A-Z][a-z]|\pL.*\s.*\pL`)

func TestTablesAreTranslated(t *testing.T) {
	var all []*catalogue
	for _, l := range Languages()[1:] {
		c, err := load(l.Tag)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	n := 0
	for _, folder := range tabled {
		files, err := filepath.Glob(filepath.Join("..", "..", filepath.FromSlash(folder), "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			for text, at := range spoken(t, file) {
				n++
				for _, c := range all {
					if e := c.texts[text]; e.text == "" && e.forms == nil {
						t.Errorf("%s: %s: %q is not translated", c.tag, at, text)
					}
				}
			}
		}
	}
	if n < 400 {
		t.Errorf("only %d sentences are found", n)
	}
}

// spoken are the sentences of a file that are not for developers.
func spoken(t *testing.T, file string) map[string]token.Position {
	t.Helper()
	files := token.NewFileSet()
	f, err := parser.ParseFile(files, file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]token.Position{}
	var walk func(ast.Node) bool
	walk = func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.Field:
			ast.Inspect(n.Type, walk) // and not its tag
			return false
		case *ast.CallExpr:
			f, ok := n.Fun.(*ast.SelectorExpr)
			switch {
			case ok && forDevelopers(f):
				return false
			case ok && f.Sel.Name == "N": // the form for one stands with the one for many
				for _, arg := range n.Args[1:] {
					ast.Inspect(arg, walk)
				}
				return false
			}
		case ast.Expr:
			if text, ok := literal(n); ok {
				if sentences.MatchString(text) && !slices.Contains(kept, strings.TrimPrefix(text, "\n")) {
					found[strings.TrimPrefix(text, "\n")] = files.Position(n.Pos())
				}
				return false
			}
		}
		return true
	}
	ast.Inspect(f, walk)
	return found
}

// forDevelopers says whether a call logs or makes an error that nobody is shown.
func forDevelopers(f *ast.SelectorExpr) bool {
	x := ""
	switch of := f.X.(type) {
	case *ast.Ident:
		x = of.Name
	case *ast.SelectorExpr:
		x = of.Sel.Name
	}
	return strings.EqualFold(x, "log") || x == "fmt" || x == "errors" || x == "strings" || x == "time" || x == "regexp"
}
