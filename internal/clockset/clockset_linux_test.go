package clockset

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The system's word on its clock can be listened for, and nobody is woken before.
func TestClockIsLeftAlone(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	set, ended := Watch(ctx)
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
