package policy

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/tidegate/tidegate/internal/policy/policytest"
)

// oracle is cel-go itself.
type oracle struct{ policytest.Oracle }

func newOracle(t testing.TB, src string) oracle {
	t.Helper()
	o, err := policytest.NewOracle(src)
	if err != nil {
		t.Fatal(err)
	}
	return oracle{o}
}

func (o oracle) judge(m map[string]any, at time.Time) truth {
	if allow, known := o.Judge(m, at); known {
		return truthOf(allow)
	}
	return unknown
}

func (o oracle) allow(m map[string]any, at time.Time) bool { return o.judge(m, at) == isTrue }

func vars(c *Claims) map[string]any { return policytest.Vars((*policytest.Claims)(c)) }

func randomClaims(r *rand.Rand, week time.Time) *Claims {
	return (*Claims)(policytest.RandomClaims(r, week))
}

// randomVariables are those that random criteria read.
var randomVariables = func() (vars []Variable) {
	for name, t := range policytest.Declared {
		vars = append(vars, Variable{Name: name, Type: VarType(t)})
	}
	return vars
}()
