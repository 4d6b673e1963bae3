package cli

import (
	"context"
	"errors"

	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/session"
)

func (c *call) window(ctx context.Context, _ []string) error {
	if err := c.client.Do(ctx, session.ShowWindow{}); err != nil {
		return err
	}
	return c.done("The window is on its way.")
}

// pause suspends the data channels. There is nothing to undo: use resumes them.
func (c *call) pause(ctx context.Context, _ []string) error {
	if err := c.client.Do(ctx, session.Pause{}); err != nil {
		return err
	}
	return c.done("Data channels are suspended now. Open connections rest; the next use of an application resumes its channel by itself.")
}

// quit ends the instance and returns when it has ended.
func (c *call) quit(ctx context.Context, _ []string) error {
	if err := c.client.Do(ctx, session.Quit{}); err != nil {
		return err
	}
	waiting, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	err := c.client.Gone(waiting)
	if waiting.Err() != nil && ctx.Err() == nil {
		return errors.New(lang.F("Tidegate has not ended within %v; try again, or end its process", c.timeout))
	}
	if err != nil {
		return err
	}
	return c.done("Tidegate has ended.")
}
