package control

import (
	"context"
	"crypto/tls"
	"net"
	"testing"
	"time"
)

// A resolver that does not answer ends with whoever waits for it.
func TestSlowResolverEndsWithItsCaller(t *testing.T) {
	was := net.DefaultResolver
	defer func() { net.DefaultResolver = was }()
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	r := race{tls: &tls.Config{}}
	if _, err := r.run(ctx, "controller.example:8443"); err == nil {
		t.Error("found a controller that has no address")
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("it took %v", took)
	}
}
