package lab

import (
	"errors"
	"net"
	"net/netip"
)

func (r *Relay) serveUDP() {
	buf := make([]byte, 64<<10)
	for {
		n, from, err := r.udp.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		r.sent.Add(1)
		back, err := r.path(from)
		if err != nil {
			return
		}
		r.carry(buf[:n], func(b []byte) { back.Write(b) })
	}
}

// path is the socket that speaks to the server for one client.
func (r *Relay) path(from netip.AddrPort) (*net.UDPConn, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c, ok := r.paths[from]; ok {
		return c, nil
	}
	to, err := net.ResolveUDPAddr("udp", r.to)
	if err != nil {
		return nil, err
	}
	c, err := net.DialUDP("udp", nil, to)
	if err != nil {
		return nil, err
	}
	r.paths[from] = c
	r.wg.Go(func() {
		buf := make([]byte, 64<<10)
		for {
			n, err := c.Read(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				continue // the server is away: ICMP says so, and the path stays
			}
			r.carry(buf[:n], func(b []byte) { r.udp.WriteToUDPAddrPort(b, from) })
		}
	})
	return c, nil
}

// carry delivers a packet, unless UDP is dropped.
func (r *Relay) carry(b []byte, deliver func([]byte)) {
	if r.noUDP.Load() {
		return
	}
	r.packets.Add(1)
	deliver(b)
}
