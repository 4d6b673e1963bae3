package script

import (
	"go.starlark.net/resolve"
	"go.starlark.net/syntax"
)

// request is a place in a script that uses http.
type request struct {
	at  syntax.Position
	url string // as far as the script has it written there; "": not
}

// requests finds the uses of http in a resolved file.
func requests(file *syntax.File) []request {
	var all []request
	seen := map[*syntax.Ident]bool{}
	syntax.Walk(file, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.CallExpr: // before the names in it
			dot, ok := n.Fn.(*syntax.DotExpr)
			if !ok || len(n.Args) == 0 {
				break
			}
			x, ok := dot.X.(*syntax.Ident)
			url, ok2 := n.Args[0].(*syntax.Literal)
			if ok && ok2 && isHTTP(x) && url.Token == syntax.STRING {
				all = append(all, request{url.TokenPos, url.Value.(string)})
				seen[x] = true
			}
		case *syntax.Ident:
			if isHTTP(n) && !seen[n] {
				all = append(all, request{at: n.NamePos})
			}
		}
		return true
	})
	return all
}

func isHTTP(id *syntax.Ident) bool {
	b, ok := id.Binding.(*resolve.Binding)
	return ok && id.Name == "http" && b.Scope == resolve.Predeclared
}

// Warning is something about a script that will not work, or not as meant.
type Warning struct {
	Line, Column int32 // in the script; 0: nowhere in particular
	Msg          string
}

// Check says what is amiss between p and the allow-list that it is to run with,
// as far as the source tells.
func (p *Program) Check(allow []string) []Warning {
	list, err := parsePrefixes(allow)
	if err != nil {
		return []Warning{{Msg: "http: " + err.Error()}}
	}
	if len(p.requests) == 0 && len(list) > 0 {
		return []Warning{{Msg: "the script does not use http; leave its allow-list away"}}
	}
	var found []Warning
	for _, r := range p.requests {
		if len(list) == 0 {
			found = append(found, Warning{r.at.Line, r.at.Col, "http is used without an allow-list; write the URLs that it may ask under http:"})
		} else if r.url != "" {
			if _, err := allowed(list, r.url); err != nil {
				found = append(found, Warning{r.at.Line, r.at.Col, err.Error()})
			}
		}
	}
	return found
}
