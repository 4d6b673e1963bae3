package reevaluate

import (
	"testing"
	"time"
)

// TestFarInstant: an instant that Unix nanoseconds cannot tell does not come
// before the others.
func TestFarInstant(t *testing.T) {
	var c Calendar[int]
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	var far, near Handle[int]
	c.Set(&far, time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC))
	c.Set(&near, now.Add(time.Hour))
	if due := c.Due(now); len(due) != 0 {
		t.Errorf("%d are due", len(due))
	}
	if at, ok := c.Next(); !ok || !at.Equal(now.Add(time.Hour)) {
		t.Errorf("next at %s", at)
	}
	if due := c.Due(now.Add(time.Hour)); len(due) != 1 || due[0] != &near {
		t.Errorf("%d are due", len(due))
	}
	var past Handle[int]
	c.Set(&past, time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC))
	if due := c.Due(now); len(due) != 1 || due[0] != &past {
		t.Errorf("%d are due", len(due))
	}
}
