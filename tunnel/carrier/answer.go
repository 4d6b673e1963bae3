package carrier

import (
	"fmt"
	"net/http"

	"github.com/tidegate/tidegate/internal/flow"
	"github.com/tidegate/tidegate/internal/wire"
)

// answerOf reads what a gateway answered to a CONNECT. One that does not say
// that it carries the flow would pass capsules on to the application.
func answerOf(r Request, res *http.Response) (Answer, error) {
	a := Answer{Decision: wire.DecisionID(res.Header.Get(wire.HeaderDecision))}
	if res.StatusCode/100 != 2 {
		return a, wire.ReadProblem(res.StatusCode, res.Body)
	}
	if r.Flow == nil {
		return a, nil
	}
	h, err := flow.ParseHeader(res.Header.Get(wire.HeaderFlow))
	if err == nil && (h.ID != r.Flow.ID || h.Epoch != r.Flow.Epoch) {
		err = fmt.Errorf("it is another flow's")
	}
	if err != nil {
		return a, fmt.Errorf("%w: read the answer's flow: %w", ErrReset, err)
	}
	a.Flow = h
	return a, nil
}
