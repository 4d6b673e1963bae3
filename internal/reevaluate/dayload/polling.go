package dayload

import (
	"fmt"
	"time"

	"github.com/tidegate/tidegate/internal/policy"
	"github.com/tidegate/tidegate/internal/policy/policytest"
)

// every is how often polling judges.
const every = 5 * time.Minute

// poll goes through the same day with cel-go's programs and returns the CPU
// time of judging; what claims changes cost is not counted.
func poll(d dice, n int, result *Result) (time.Duration, error) {
	pairs, shared := conditions(), answers{}
	programs := make([]policytest.Oracle, len(pairs))
	for i, p := range pairs {
		var err error
		if programs[i], err = policytest.NewOracle(p.CEL); err != nil {
			return 0, fmt.Errorf("compile for polling: %w", err)
		}
	}
	claims, vars, grants := make([]*policy.Claims, n), make([]map[string]any, n), make([][grantsEach]int, n)
	for i := range claims {
		claims[i], grants[i] = d.first(i, shared), d.grants(i, len(pairs))
		vars[i] = policytest.Vars((*policytest.Claims)(claims[i]))
	}
	changes := d.schedule(n)
	var spent time.Duration
	for m := range minutes {
		at := midnight.Add(time.Duration(m) * time.Minute)
		for _, c := range changes[m] {
			i := c / changesEach
			claims[i] = d.change(claims[i], int(i), int(c%changesEach), at, shared)
			vars[i] = policytest.Vars((*policytest.Claims)(claims[i]))
		}
		if m%int(every/time.Minute) != 0 {
			continue
		}
		err := result.measure(&spent, func() {
			for i := range vars {
				vars[i]["now"] = at
				for _, g := range grants[i] {
					if allow, _ := programs[g].Eval(vars[i]); allow {
						result.Polled++
					}
				}
			}
		})
		if err != nil {
			return 0, err
		}
	}
	return spent, nil
}
