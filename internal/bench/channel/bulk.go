package channel

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tidegate/tidegate/internal/netlab"
)

// bulk measures bulk transfers on a link without delay, down and up, beside the
// peer's, and the CPU time that a gigabyte costs.
func (m *measure) bulk() (err error) {
	lanes := m.o.Lanes
	if len(lanes) == 0 {
		lanes = []string{"auto", "h3", "tun-auto", "tun-h3"}
	}
	sides, stop, err := m.sides(fastGateway.Addr(), append([]string{"wireguard-go"}, lanes...)...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	for _, flows := range []int{1, 4} {
		suffix := ""
		if flows > 1 {
			suffix = fmt.Sprintf("-%d-flows", flows)
		}
		rates, cpus := map[string][]float64{}, map[string][]float64{}
		for range m.o.Rounds {
			for _, s := range sides {
				rate, cpu, err := m.transfer(s, flows)
				if err != nil {
					return fmt.Errorf("%s: %w", s.name, err)
				}
				rates[s.name], cpus[s.name] = append(rates[s.name], rate), append(cpus[s.name], cpu)
			}
		}
		peer := median(rates["wireguard-go"])
		for _, s := range sides {
			if s.name != "wireguard-go" {
				m.o.Report("bulk-"+s.name+suffix, median(rates[s.name])/peer, "of-wireguard-go")
			}
			m.o.Report("bulk-"+s.name+suffix+"-rate", median(rates[s.name])/1e6, "Mbit/s")
			m.o.Report("bulk-"+s.name+suffix+"-cpu", median(cpus[s.name]), "s/GB")
		}
	}
	return nil
}

// transfer moves bytes down and then up, and returns bits a second and the CPU
// seconds that all programs involved spend on a gigabyte.
func (m *measure) transfer(s *side, flows int) (rate, cpu float64, err error) {
	var bytes int64
	var took, worked time.Duration
	before, err := busy(slices.Concat(m.serving, s.processes))
	if err != nil {
		return 0, 0, err
	}
	for _, kind := range []string{"down", "up"} {
		l, err := load(m.client, "-kind", kind, "-to", s.to, "-flows", strconv.Itoa(flows), "-seconds", fmt.Sprint(m.o.Seconds))
		if err != nil {
			return 0, 0, err
		}
		bytes, took, worked = bytes+l.Bytes, took+l.Took, worked+l.worked
	}
	after, err := busy(slices.Concat(m.serving, s.processes))
	return float64(bytes) * 8 / took.Seconds(), (after - before + worked).Seconds() / (float64(bytes) / 1e9), err
}

// clockTick is the kernel's USER_HZ: 100 on every Linux that Go runs on.
const clockTick = 10 * time.Millisecond

// busy is how long processes have worked, in the kernel and out of it, see
// proc(5). What the kernel does for nobody in particular is not in it.
func busy(all []*process) (time.Duration, error) {
	var ticks time.Duration
	for _, p := range all {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
		if err != nil {
			return 0, fmt.Errorf("read the CPU time of %s: %w", p.name, err)
		}
		f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
		for _, s := range f[11:13] { // utime, stime
			n, err := strconv.ParseInt(s, 10, 64)
			if err != nil {
				return 0, fmt.Errorf("read the CPU time of %s: %w", p.name, err)
			}
			ticks += time.Duration(n)
		}
	}
	return ticks * clockTick, nil
}

// lossy measures a bulk transfer on a path of 20 ms and 200 Mbit/s that loses
// one packet in a hundred. Both sides' kernels use the congestion control that
// is named.
func (m *measure) lossy() (err error) {
	m.slow.Set(netlab.Quality{Delay: oneWay, Loss: 0.01, Rate: 200e6})
	defer m.slow.Set(netlab.Quality{Delay: oneWay})
	sides, stop, err := m.sides(slowGateway.Addr(), "wireguard-go", "auto", "h2", "h3")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	rates := map[string][]float64{}
	for range m.o.Rounds {
		for _, s := range sides {
			l, err := load(m.client, "-kind", "down", "-to", s.to, "-seconds", fmt.Sprint(3*m.o.Seconds))
			if err != nil {
				return err
			}
			rates[s.name] = append(rates[s.name], float64(l.Bytes)*8/l.Took.Seconds()/1e6)
		}
	}
	control, err := os.ReadFile("/proc/sys/net/ipv4/tcp_congestion_control")
	if err != nil {
		return err
	}
	for _, s := range sides {
		name := "lossy-" + s.name
		m.o.Report(name, median(rates[s.name]), "Mbit/s")
	}
	fmt.Printf("bench: the lossy path's congestion control: h3 NewReno; h2 bbr where the kernel has it; programs inside wireguard-go %s\n", strings.TrimSpace(string(control)))
	return nil
}
