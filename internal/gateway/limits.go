package gateway

import (
	"cmp"
	"time"

	"github.com/tidegate/tidegate/internal/resource"
	"github.com/tidegate/tidegate/internal/wire"
)

// defaultDrain is Config.Drain where a file does not say.
const defaultDrain = 5 * time.Second

// Limits bound what one session may cost the others. What is 0 has a default.
type Limits struct {
	// Sessions is how many the gateway has at most, connected or parked; 0: 20000.
	Sessions int `yaml:"sessions"`
	// Connections is how many a session has; 0: 16.
	Connections int `yaml:"connections"`
	// Guests is how many connections of foreign clients, beside those; 0: 256.
	Guests int `yaml:"guests"`
	// Flows is how many flows a session has open, parked ones with them; 0: 4096.
	Flows int `yaml:"flows"`
	// FlowRate is how many it may open a second, lastingly; 0: 4000.
	FlowRate int `yaml:"flowRate"`
	// ByteRate is how many bytes of payload a second a session moves, both
	// directions together; 0: any number.
	ByteRate int `yaml:"byteRate"`
	// ParkedFlows is how many flows without a carrier a session keeps; 0: 256.
	ParkedFlows int `yaml:"parkedFlows"`
	// ParkedBytes is how many unacknowledged bytes its flows keep together; 0: 32 MiB.
	ParkedBytes int `yaml:"parkedBytes"`
	// ParkedFor is how long a session without a carrier is kept; 0: 24 hours.
	ParkedFor wire.Duration `yaml:"parkedFor"`
}

// whole are the limits with the defaults in the place of zeros.
func (l Limits) whole() Limits {
	return Limits{
		Sessions: cmp.Or(l.Sessions, 20_000), Connections: cmp.Or(l.Connections, 16), Guests: cmp.Or(l.Guests, 256),
		Flows: cmp.Or(l.Flows, 4096), FlowRate: cmp.Or(l.FlowRate, 4000), ByteRate: l.ByteRate,
		ParkedFlows: cmp.Or(l.ParkedFlows, 256), ParkedBytes: cmp.Or(l.ParkedBytes, 32<<20),
		ParkedFor: cmp.Or(l.ParkedFor, wire.Duration(24*time.Hour)),
	}
}

// leastByteRate still lets a large chunk through within seconds.
const leastByteRate = 64 << 10

func (l *Limits) check(d *resource.Document, errs *resource.Errors) {
	for _, k := range []struct {
		name string
		n    int
	}{{"sessions", l.Sessions}, {"connections", l.Connections}, {"guests", l.Guests}, {"flows", l.Flows}, {"flowRate", l.FlowRate}, {"parkedFlows", l.ParkedFlows}, {"parkedBytes", l.ParkedBytes}} {
		if d.Has("limits", k.name) && k.n < 1 {
			errs.Add(d.At("limits", k.name).Errorf("%s is %d; write a number from 1, or leave it out", k.name, k.n))
		}
	}
	if d.Has("limits", "byteRate") && l.ByteRate < leastByteRate {
		errs.Add(d.At("limits", "byteRate").Errorf("byteRate is %d bytes a second; write %d or more, or leave it out", l.ByteRate, leastByteRate))
	}
	if d.Has("limits", "parkedFor") && l.ParkedFor.D() < time.Second {
		errs.Add(d.At("limits", "parkedFor").Errorf("parkedFor is %s; write a second or longer, for example 24h", l.ParkedFor))
	}
}
