package script

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"

	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// MaxSource is the length of the longest script, in bytes.
const MaxSource = 64 << 10

// fileName is what Starlark knows a script's file as.
const fileName = "script"

// entry is the function that is run.
const entry = "main"

// Program is a compiled script.
type Program struct {
	name     string
	digest   string
	starlark *starlark.Program
	requests []request
}

// Name is the name that p was compiled by.
func (p *Program) Name() string { return p.name }

// Digest is the SHA-256 of p's source, in hexadecimal.
func (p *Program) Digest() string { return p.digest }

// Compile compiles source, for messages by name. Its error is a *CompileError.
func Compile(name, source string) (p *Program, err error) {
	defer func() {
		if x := recover(); x != nil {
			p, err = nil, &CompileError{name, 1, 1, fmt.Sprintf("internal error: %v", x)}
		}
	}()
	if len(source) > MaxSource {
		return nil, &CompileError{name, 1, 1, fmt.Sprintf("%d bytes are too long; a script has at most %d", len(source), MaxSource)}
	}
	// What is wrong is told of the script as written, which resolving marks; what
	// runs is another tree, that the meter has been put into.
	file, err := parse(source)
	if err == nil {
		err = resolve.File(file, offered, starlark.Universe.Has)
	}
	if err != nil {
		return nil, located(name, err)
	}
	if err := checkTree(name, file); err != nil {
		return nil, err
	}
	p = &Program{name: name, requests: requests(file)}
	if file, err = parse(source); err != nil {
		return nil, located(name, err)
	}
	r := &rewriter{}
	r.stmts(file.Stmts)
	if r.err != nil {
		return nil, located(name, r.err)
	}
	if p.starlark, err = starlark.FileProgram(file, predeclared.Has); err != nil {
		return nil, located(name, err)
	}
	sum := sha256.Sum256([]byte(source))
	p.digest = hex.EncodeToString(sum[:])
	return p, nil
}

func parse(source string) (*syntax.File, error) {
	return (&syntax.FileOptions{}).Parse(fileName, source, 0)
}

// located is err of the parser or the resolver as a CompileError.
func located(name string, err error) *CompileError {
	e := &CompileError{Script: name, Line: 1, Column: 1, Msg: short(err.Error())}
	var wrong syntax.Error
	var unresolved resolve.ErrorList
	switch {
	case errors.As(err, &wrong):
		e.Line, e.Column, e.Msg = wrong.Pos.Line, wrong.Pos.Col, short(wrong.Msg)
	case errors.As(err, &unresolved):
		e.Line, e.Column, e.Msg = unresolved[0].Pos.Line, unresolved[0].Pos.Col, short(unresolved[0].Msg)
	}
	return e
}

// checkTree refuses what is Starlark and yet no script of ours.
func checkTree(name string, file *syntax.File) error {
	var wrong *CompileError
	refuse := func(pos syntax.Position, msg string) {
		if wrong == nil {
			wrong = &CompileError{name, pos.Line, pos.Col, msg}
		}
	}
	main := false
	for _, s := range file.Stmts {
		def, ok := s.(*syntax.DefStmt)
		if !ok || def.Name.Name != entry {
			continue
		}
		main = true
		if len(def.Params) != 1 {
			refuse(def.Name.NamePos, fmt.Sprintf("main has %d parameters; write def main(ctx):", len(def.Params)))
		} else if _, plain := def.Params[0].(*syntax.Ident); !plain {
			refuse(def.Name.NamePos, "main has a parameter of another sort; write def main(ctx):")
		}
	}
	syntax.Walk(file, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.LoadStmt:
			refuse(n.Load, "a script cannot load another; write what it needs into it")
		case *syntax.Literal:
			if i, ok := n.Value.(*big.Int); ok && i.BitLen() > maxBits {
				refuse(n.TokenPos, fmt.Sprintf("the number is too large; integers have at most %d bits", maxBits))
			}
		case *syntax.AssignStmt:
			switch _, plain := unparen(n.LHS).(*syntax.Ident); {
			case plain:
			case n.Op == syntax.PERCENT_EQ, n.Op == syntax.LTLT_EQ, n.Op == syntax.GTGT_EQ:
				refuse(n.OpPos, fmt.Sprintf("%v works on names only; write it as x[i] = x[i] ...", n.Op))
			}
		}
		return true
	})
	if !main {
		refuse(syntax.Position{Line: 1, Col: 1}, "there is no main; write def main(ctx):")
	}
	if wrong != nil {
		return wrong
	}
	return nil
}

func unparen(e syntax.Expr) syntax.Expr {
	for {
		p, ok := e.(*syntax.ParenExpr)
		if !ok {
			return e
		}
		e = p.X
	}
}
