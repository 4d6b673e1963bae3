package dns

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// result is what dnsperf has to say.
type result struct {
	sent, completed, lost int
	took                  time.Duration
	codes                 string          // of the answers
	each                  []time.Duration // how long each answer took, where it was asked to tell
}

// rate is answers a second.
func (r result) rate() float64 { return float64(r.completed) / r.took.Seconds() }

func (r result) median() time.Duration { return median(r.each) }

// patience is how long dnsperf waits for an answer before it is lost: half of
// what glibc does.
const patience = 2500 * time.Millisecond

// ask has dnsperf ask a server, and counts what was lost.
func (m *measure) ask(ctx context.Context, s server, args ...string) (result, error) {
	args = append([]string{"-s", s.addr.String(), "-p", "53", "-c", "8", "-t", fmt.Sprint(patience.Seconds()), "-W"}, args...)
	cmd := exec.CommandContext(ctx, "dnsperf", args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := m.near.Start(cmd)
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		return result{}, fmt.Errorf("dnsperf %s: %w\n%s", s.name, err, tail(out.String()))
	}
	r, err := parse(out.String())
	if err != nil {
		return r, fmt.Errorf("dnsperf %s: %w\n%s", s.name, err, tail(out.String()))
	}
	if !strings.HasPrefix(r.codes, "NOERROR") || strings.Contains(r.codes, ",") {
		return r, fmt.Errorf("%s answers %s", s.name, r.codes)
	}
	m.lost[s.name] += r.lost
	return r, nil
}

func tail(s string) string { return s[max(0, len(s)-2000):] }

var statistic = regexp.MustCompile(`^\s*(Queries sent|Queries completed|Queries lost|Response codes|Run time \(s\)):\s+(.*)$`)

// parse reads dnsperf's report, and its line for each answer:
//
//	> NOERROR n1.up.example A 0.000312
func parse(out string) (r result, err error) {
	found := 0
	for s := bufio.NewScanner(strings.NewReader(out)); s.Scan(); {
		if f := strings.Fields(s.Text()); len(f) == 5 && f[0] == ">" {
			took, err := strconv.ParseFloat(f[4], 64)
			if err != nil {
				return r, fmt.Errorf("read %q: %w", s.Text(), err)
			}
			r.each = append(r.each, time.Duration(took*float64(time.Second)))
			continue
		}
		f := statistic.FindStringSubmatch(s.Text())
		if f == nil {
			continue
		}
		found++
		first, _, _ := strings.Cut(f[2], " ")
		switch f[1] {
		case "Queries sent":
			r.sent, err = strconv.Atoi(first)
		case "Queries completed":
			r.completed, err = strconv.Atoi(first)
		case "Queries lost":
			r.lost, err = strconv.Atoi(first)
		case "Response codes":
			r.codes = f[2]
		case "Run time (s)":
			var took float64
			took, err = strconv.ParseFloat(first, 64)
			r.took = time.Duration(took * float64(time.Second))
		}
		if err != nil {
			return r, fmt.Errorf("read %q: %w", s.Text(), err)
		}
	}
	if found != 5 || r.took == 0 || r.completed == 0 {
		return r, fmt.Errorf("it says nothing that can be read")
	}
	return r, nil
}

// answers waits until a server does.
func (w *world) answers(ctx context.Context, s server) error {
	query, err := (&dnsmessage.Message{
		Header:    dnsmessage.Header{ID: 1, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName("first." + suffix + "."), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}},
	}).Pack()
	if err != nil {
		return err
	}
	space := w.near
	var last error
	for range 100 {
		last = space.Do(func() error {
			c, err := net.Dial("udp", net.JoinHostPort(s.addr.String(), "53"))
			if err != nil {
				return err
			}
			defer c.Close()
			c.SetDeadline(time.Now().Add(200 * time.Millisecond))
			if _, err := c.Write(query); err != nil {
				return err
			}
			b := make([]byte, 1500)
			n, err := c.Read(b)
			if err == nil && (n < 12 || b[3]&15 != 0) {
				err = fmt.Errorf("it answers % x", b[:n])
			}
			return err
		})
		if last == nil {
			return nil
		}
		select {
		case <-s.ended:
			return s.stop()
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
	return fmt.Errorf("%s does not answer: %w\n%s", s.name, last, s.said.String())
}
