package control

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// Probed is what a lane to the controller was found to be.
type Probed struct {
	// Connected is how long the connection took to stand, Answered how long the
	// controller took to answer then.
	Connected, Answered time.Duration
	// At is the controller's clock halfway through Answered; zero: not told. Rough:
	// it is of whole seconds.
	At    time.Time
	Rough bool
	// Ours is this machine's clock at the same moment.
	Ours time.Time
	// Refusal is the controller's to who is not one of its devices; nil: none.
	Refusal *wire.Problem
}

// Probe opens one lane ("h3", "h2") to the controller of an enrolled device, apart
// from the control channel, and asks who it is. An identity without a key is none:
// the controller is reached all the same, and refuses. Nothing is asked twice.
func (c *Controller) Probe(ctx context.Context, e session.Enrolled, id session.Identity, transport string) (Probed, error) {
	if id.CA == nil {
		if block, _ := pem.Decode([]byte(e.CA)); block != nil {
			id.CA = block.Bytes
		}
	}
	cfg := (&pin{ca: id.CA}).config(e.Controller)
	if id.Key != nil {
		cfg.Certificates = append(cfg.Certificates, clientCertificate(id))
	}
	client := c.client(e.Controller, cfg)
	dial := client.race.h3
	if transport == laneH2 {
		dial = client.race.h2
	}
	var found Probed
	begun := time.Now()
	l, err := dial(ctx, e.Controller)
	if err != nil {
		return found, err
	}
	defer l.close()
	found.Connected = time.Since(begun)
	begun = time.Now()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+e.Controller+wire.PathHello, nil)
	if err != nil {
		return found, fmt.Errorf("make request: %w", err)
	}
	res, err := l.trip.RoundTrip(req)
	if err != nil {
		return found, fmt.Errorf("ask the controller: %w", err)
	}
	defer res.Body.Close()
	found.Answered = time.Since(begun)
	found.Ours = begun.Add(found.Answered / 2)
	if at, err := http.ParseTime(res.Header.Get("Date")); err == nil {
		found.At, found.Rough = at.Add(time.Second/2), true
	}
	if res.StatusCode/100 != 2 {
		found.Refusal = wire.ReadProblem(res.StatusCode, res.Body)
		return found, nil
	}
	var h wire.Hello
	if err := json.NewDecoder(io.LimitReader(res.Body, wire.MaxBody)).Decode(&h); err != nil {
		return found, fmt.Errorf("read the controller's answer: %w", err)
	}
	if !h.At.IsZero() {
		found.At, found.Rough = h.At, false
	}
	return found, nil
}
