package carrier

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/tidegate/tidegate/internal/wire"
)

// messages are the requests that are no flows, the same on every lane.
type messages struct {
	// send sends a request with a body of JSON and awaits the answer's head. It
	// may send in 0-RTT where early says so, else it waits for the handshake. The
	// answer's body ends with ctx.
	send func(ctx context.Context, early bool, method, path string, body []byte) (*http.Response, error)
}

func (m messages) Admit(ctx context.Context, r wire.SessionRequest) (io.ReadCloser, error) {
	body, err := m.exchange(ctx, true, http.MethodPost, wire.PathDataSession, r)
	if err != nil {
		return nil, fmt.Errorf("post session: %w", err)
	}
	return body, nil
}

func (m messages) Join(ctx context.Context, r wire.SessionRequest) error {
	if err := m.tell(ctx, true, http.MethodPost, wire.PathDataCarrier, r); err != nil {
		return fmt.Errorf("post carrier: %w", err)
	}
	return nil
}

func (m messages) Renew(ctx context.Context, r wire.SessionRequest) error {
	if err := m.tell(ctx, false, http.MethodPut, wire.PathDataSession, r); err != nil {
		return fmt.Errorf("put session: %w", err)
	}
	return nil
}

func (m messages) Report(ctx context.Context, r wire.DeviceReport) error {
	if err := m.tell(ctx, false, http.MethodPut, wire.PathDataDevice, r); err != nil {
		return fmt.Errorf("put device: %w", err)
	}
	return nil
}

func (m messages) Echo(ctx context.Context, r wire.EchoRequest) (wire.EchoReply, error) {
	body, err := m.exchange(ctx, false, http.MethodPost, wire.PathDataEcho, r)
	if err != nil {
		return wire.EchoReply{}, fmt.Errorf("post echo: %w", err)
	}
	defer body.Close()
	var reply wire.EchoReply
	if err := wire.ReadJSON(body, &reply); err != nil {
		return wire.EchoReply{}, fmt.Errorf("read echo: %w", err)
	}
	return reply, nil
}

// tell sends r and wants no more than that it was taken.
func (m messages) tell(ctx context.Context, early bool, method, path string, r any) error {
	body, err := m.exchange(ctx, early, method, path, r)
	if err != nil {
		return err
	}
	return body.Close()
}

// exchange sends r. Any status but 2xx is a *wire.Problem.
func (m messages) exchange(ctx context.Context, early bool, method, path string, r any) (io.ReadCloser, error) {
	b, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	res, err := m.send(ctx, early, method, path, b)
	if err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, refusal(err)
	}
	if res.StatusCode/100 != 2 {
		defer res.Body.Close()
		return nil, wire.ReadProblem(res.StatusCode, res.Body)
	}
	return res.Body, nil
}
