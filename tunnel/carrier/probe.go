package carrier

import (
	"context"
	"errors"
	"net/http"

	"github.com/quic-go/quic-go"

	"github.com/tidegate/tidegate/internal/wire"
)

// Probe is a PING (RFC 9113, section 6.7).
func (c *h2Carrier) Probe(ctx context.Context) error {
	err := c.h.Ping(ctx)
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return c.streamError(whole(err))
}

// Probe asks for what the gateway answers whoever asks. Its reset of the request
// proves as much: it goes down, and is there.
func (c *h3Carrier) Probe(ctx context.Context) error {
	res, err := c.send(ctx, false, http.MethodOptions, wire.PathDataSession, nil)
	var reset *quic.StreamError
	switch {
	case err == nil:
		return res.Body.Close()
	case errors.As(err, &reset) && reset.Remote:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return refusal(err)
}
