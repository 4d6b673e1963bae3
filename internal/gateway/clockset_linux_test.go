package gateway

import (
	"context"
	"testing"
	"time"
)

// TestClockIsLeftAlone: the system's word on its clock can be listened for.
func TestClockIsLeftAlone(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	set, ended := clockSet(ctx)
	select {
	case <-set:
		t.Error("somebody has set the clock")
	case <-ended:
		t.Error("the system does not tell")
	case <-time.After(50 * time.Millisecond):
	}
	cancel()
	<-ended
}
