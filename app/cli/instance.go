package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/tidegate/tidegate/app/local"
	"github.com/tidegate/tidegate/session"
)

func (c *call) window(ctx context.Context, _ []string) error {
	if err := c.client.Do(ctx, session.ShowWindow{}); err != nil {
		return err
	}
	return c.done("The window is on its way.")
}

// quit ends the instance and returns when it has ended.
func (c *call) quit(ctx context.Context, _ []string) error {
	waiting, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	asked := false
	for range c.client.Watch(waiting) { // ends with the instance
		if asked {
			continue
		}
		if err := c.client.Do(ctx, session.Quit{}); err != nil {
			return err
		}
		asked = true
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if waiting.Err() != nil {
		return fmt.Errorf("Tidegate has not ended within %v; try again, or end its process", c.timeout)
	}
	if _, err := c.client.State(ctx); err == nil {
		return errors.New("Tidegate has not ended; try again")
	} else if !asked && errors.Is(err, local.ErrNotRunning) {
		return err
	}
	return c.done("Tidegate has ended.")
}
