package gateway

// Counts are how many sessions there are, connected or parked, and how many flows
// they have.
func (g *Gateway) Counts() (sessions, flows int) {
	all := g.registry.all()
	for _, s := range all {
		s.call(func() {
			for _, e := range s.entitlements {
				flows += len(e.flows)
			}
		})
	}
	return len(all), flows
}
