package carrier

import (
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// Flows whose programs do not read hold up no other, nor the session's events.
func TestStuckFlows(t *testing.T) {
	onLanes(t, func(t *testing.T, b *bed, c Carrier) {
		b.far.update(func() {
			b.far.connect = func(w http.ResponseWriter, r *http.Request) {
				if r.Host != "full.internal:80" {
					echo(w, r)
					return
				}
				w.WriteHeader(http.StatusOK)
				io.Copy(w, zeros{})
			}
		})
		events, err := c.Admit(t.Context(), wire.SessionRequest{})
		if err != nil {
			t.Fatal(err)
		}
		defer events.Close()
		for range 32 {
			s, err := c.Connect(t.Context(), Request{Authority: "full.internal:80"})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Answer(); err != nil {
				t.Fatal(err)
			}
			defer s.Abort()
		}
		time.Sleep(10 * time.Second) // virtual: all that they may send has come
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if err := c.Probe(ctx); err != nil {
			t.Fatalf("probe: %v", err)
		}
		if e, err := wire.NewEventReader(events).Next(); err != nil || e.Name != "hello" {
			t.Errorf("event %q, %v", e.Name, err)
		}
		s, err := c.Connect(ctx, Request{Authority: "app.internal:80"})
		if err != nil {
			t.Fatal(err)
		}
		stop := context.AfterFunc(ctx, s.Abort)
		defer stop()
		say(t, s, "hello")
	})
}
