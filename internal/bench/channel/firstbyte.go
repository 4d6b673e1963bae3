package channel

import "errors"

// firstBytes measures how long a program waits from its connect for the first
// byte of an answer, in round trips of the path: with the data channel closed
// and the destination known for the last hour, and with one that stands; beside
// the peer with and without a session, whose round trip of TCP is the program's.
func (m *measure) firstBytes() (err error) {
	sides, stop, err := m.sides(slowGateway.Addr(), "wireguard-go", "auto")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	took := map[string][]float64{}
	for round := range m.o.Rounds + 1 {
		for _, s := range sides {
			if err := s.close(); err != nil {
				return err
			}
			for _, state := range []string{"closed", "warm"} {
				l, err := load(m.client, "-kind", "first", "-to", s.to)
				if err != nil {
					return err
				}
				if round > 0 { // the first makes the destination known
					took[state+s.name] = append(took[state+s.name], float64(l.Took)/float64(2*oneWay))
				}
			}
		}
	}
	for _, state := range []string{"closed", "warm"} {
		m.o.Report("first-byte-"+state, median(took[state+"auto"]), "rtt")
		m.o.Report("first-byte-"+state+"-wireguard-go", median(took[state+"wireguard-go"]), "rtt")
	}
	return nil
}
