package carrier

import (
	"context"
	"errors"
	"testing"
	"time"
)

// A gateway that goes down and the client's CONNECT cross: nobody has looked at
// that, and it may be made elsewhere.
func TestConnectMeetsGoingDown(t *testing.T) {
	onLanes(t, func(t *testing.T, b *bed, c Carrier) {
		held := talk(t, c, "hello") // keeps the connection
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		down := make(chan struct{})
		go func() {
			defer close(down)
			if c.Lane() == H3 {
				b.far.h3.Shutdown(ctx)
			} else {
				b.far.h2.Shutdown(ctx)
			}
		}()
		for range 100 {
			s, err := c.Connect(t.Context(), Request{Authority: "app.internal:80"})
			if errors.Is(err, ErrUnsent) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			defer s.Abort()
			if _, err := s.Answer(); err != nil && !errors.Is(err, ErrUnsent) {
				t.Errorf("the answer: %v", err)
			}
			time.Sleep(time.Millisecond)
		}
		say(t, held, "and on")
		cancel()
		<-down
	})
}
