package cli

import (
	"context"
	"flag"
	"fmt"

	"github.com/tidegate/tidegate/internal/plaintext"
	"github.com/tidegate/tidegate/session"
)

func eventsFlags(c *call, fs *flag.FlagSet) {
	fs.BoolVar(&c.follow, "follow", false, "go on telling, until Tidegate ends or you interrupt it")
}

func (c *call) events(ctx context.Context, _ []string) error {
	if !c.follow {
		s, err := c.client.State(ctx)
		if err != nil {
			return err
		}
		_, err = c.printEvents(s.Events, 0)
		return err
	}
	var last uint64
	for s := range c.client.Watch(ctx) {
		var err error
		if last, err = c.printEvents(s.Events, last); err != nil {
			return err
		}
	}
	return nil // Tidegate has ended, or the user has had enough
}

// printEvents prints the events after the one numbered last and returns the
// number of the newest.
func (c *call) printEvents(events []session.Event, last uint64) (uint64, error) {
	for _, e := range events {
		if e.Seq <= last {
			continue
		}
		last = e.Seq
		if c.json {
			if err := c.write(e, ""); err != nil {
				return last, err
			}
			continue
		}
		if _, err := fmt.Fprintf(c.Out, "%s  %s\n", e.At.In(c.Zone).Format("2 Jan 15:04:05"), plaintext.Line(e.Text)); err != nil {
			return last, fmt.Errorf("write events: %w", err)
		}
	}
	return last, nil
}
