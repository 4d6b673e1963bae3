package script

import (
	"errors"

	"go.starlark.net/syntax"
)

// rewriter puts the meter into a syntax tree: what may do more in one step than
// a step is worth becomes a call of a function of the meter's, by a name that
// no script can write.
//
//	x + y         <+>(x, y)            and so for each operator that is not logic
//	x += y        x += <operand>(y)    a value that knows what x + it costs
//	s %= y        s = <%>(s, y)        and so of <<= and >>=
//	f(x, *y, **z) <call>(f, x, *<expand>(y), **<expand>(z))
//	x[k], {k: v}  x[<key>(k)], {<key>(k): v}
//	x[lo:hi]      <slice>(x)[lo:hi]
//
// Positions stay those of the operator, so errors name the script's own lines.
type rewriter struct{ err error }

// The meter's names. Those of operators are the token in angle brackets.
const (
	nameCall    = "<call>"
	nameExpand  = "<expand>"
	nameKey     = "<key>"
	nameSlice   = "<slice>"
	nameOperand = "<operand>"
)

func operatorName(t syntax.Token) string { return "<" + t.String() + ">" }

// meter is the call of the meter's name at pos.
func meter(name string, pos syntax.Position, args ...syntax.Expr) *syntax.CallExpr {
	return &syntax.CallExpr{Fn: &syntax.Ident{NamePos: pos, Name: name}, Lparen: pos, Args: args, Rparen: pos}
}

func (r *rewriter) stmts(list []syntax.Stmt) {
	for _, s := range list {
		r.stmt(s)
	}
}

func (r *rewriter) stmt(s syntax.Stmt) {
	switch s := s.(type) {
	case *syntax.AssignStmt:
		r.assign(s)
	case *syntax.BranchStmt:
	case *syntax.DefStmt:
		r.params(s.Params)
		r.stmts(s.Body)
	case *syntax.ExprStmt:
		s.X = r.expr(s.X)
	case *syntax.ForStmt:
		s.Vars = r.target(s.Vars)
		s.X = r.expr(s.X)
		r.stmts(s.Body)
	case *syntax.IfStmt:
		s.Cond = r.expr(s.Cond)
		r.stmts(s.True)
		r.stmts(s.False)
	case *syntax.ReturnStmt:
		if s.Result != nil {
			s.Result = r.expr(s.Result)
		}
	default:
		r.err = errors.New("a statement that scripts do not have")
	}
}

func (r *rewriter) assign(s *syntax.AssignStmt) {
	s.RHS = r.expr(s.RHS)
	switch s.Op {
	case syntax.EQ:
	case syntax.PERCENT_EQ, syntax.LTLT_EQ, syntax.GTGT_EQ: // which ask no operand
		name := unparen(s.LHS).(*syntax.Ident) // as checkTree saw to
		s.RHS = meter(operatorName(s.Op-syntax.PLUS_EQ+syntax.PLUS), s.OpPos, &syntax.Ident{NamePos: name.NamePos, Name: name.Name}, s.RHS)
		s.Op = syntax.EQ
	default:
		s.RHS = meter(nameOperand, s.OpPos, s.RHS)
	}
	s.LHS = r.target(s.LHS)
}

// target rewrites what is assigned to, which stays what it is.
func (r *rewriter) target(e syntax.Expr) syntax.Expr {
	switch e := e.(type) {
	case *syntax.ParenExpr:
		e.X = r.target(e.X)
	case *syntax.ListExpr:
		for i := range e.List {
			e.List[i] = r.target(e.List[i])
		}
	case *syntax.TupleExpr:
		for i := range e.List {
			e.List[i] = r.target(e.List[i])
		}
	default: // a name, a field or an element
		return r.expr(e)
	}
	return e
}

func (r *rewriter) params(list []syntax.Expr) {
	for _, p := range list {
		if p, ok := p.(*syntax.BinaryExpr); ok {
			p.Y = r.expr(p.Y) // a default
		}
	}
}

func (r *rewriter) exprs(list []syntax.Expr) {
	for i := range list {
		list[i] = r.expr(list[i])
	}
}

func (r *rewriter) expr(e syntax.Expr) syntax.Expr {
	switch e := e.(type) {
	case nil, *syntax.Ident, *syntax.Literal:
	case *syntax.BinaryExpr:
		e.X, e.Y = r.expr(e.X), r.expr(e.Y)
		if e.Op != syntax.AND && e.Op != syntax.OR {
			return meter(operatorName(e.Op), e.OpPos, e.X, e.Y)
		}
	case *syntax.CallExpr:
		return r.call(e)
	case *syntax.Comprehension:
		e.Body = r.expr(e.Body)
		for _, c := range e.Clauses {
			switch c := c.(type) {
			case *syntax.ForClause:
				c.Vars, c.X = r.target(c.Vars), r.expr(c.X)
			case *syntax.IfClause:
				c.Cond = r.expr(c.Cond)
			}
		}
	case *syntax.CondExpr:
		e.Cond, e.True, e.False = r.expr(e.Cond), r.expr(e.True), r.expr(e.False)
	case *syntax.DictExpr:
		r.exprs(e.List)
	case *syntax.DictEntry:
		e.Key, e.Value = r.key(e.Key, e.Colon), r.expr(e.Value)
	case *syntax.DotExpr:
		e.X = r.expr(e.X)
	case *syntax.IndexExpr:
		e.X, e.Y = r.expr(e.X), r.key(e.Y, e.Lbrack)
	case *syntax.LambdaExpr:
		r.params(e.Params)
		e.Body = r.expr(e.Body)
	case *syntax.ListExpr:
		r.exprs(e.List)
	case *syntax.ParenExpr:
		e.X = r.expr(e.X)
	case *syntax.SliceExpr:
		e.X = meter(nameSlice, e.Lbrack, r.expr(e.X))
		e.Lo, e.Hi, e.Step = r.expr(e.Lo), r.expr(e.Hi), r.expr(e.Step)
	case *syntax.TupleExpr:
		r.exprs(e.List)
	case *syntax.UnaryExpr:
		e.X = r.expr(e.X)
	default:
		r.err = errors.New("an expression that scripts do not have")
	}
	return e
}

// key rewrites a subscript, or the key of a dict's entry.
func (r *rewriter) key(e syntax.Expr, pos syntax.Position) syntax.Expr {
	if _, ok := e.(*syntax.Literal); ok {
		return e
	}
	return meter(nameKey, pos, r.expr(e))
}

func (r *rewriter) call(e *syntax.CallExpr) syntax.Expr {
	args := []syntax.Expr{r.expr(e.Fn)}
	for _, a := range e.Args {
		switch a := a.(type) {
		case *syntax.BinaryExpr:
			if a.Op == syntax.EQ { // name=value
				a.Y = r.expr(a.Y)
				args = append(args, a)
				continue
			}
		case *syntax.UnaryExpr:
			if a.Op == syntax.STAR || a.Op == syntax.STARSTAR {
				a.X = meter(nameExpand, a.OpPos, r.expr(a.X))
				args = append(args, a)
				continue
			}
		}
		args = append(args, r.expr(a))
	}
	return meter(nameCall, e.Lparen, args...)
}
