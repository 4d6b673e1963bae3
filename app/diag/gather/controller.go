package gather

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/tidegate/tidegate/app/diag"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
	"github.com/tidegate/tidegate/session/control"
)

// certificate checks how long this device's is good.
func certificate(e session.Enrolled, now time.Time) diag.Check {
	c := diag.Check{ID: "device-certificate", Title: "This device's certificate", Outcome: diag.Good}
	const fix = "Enrol this device anew, with a new link from your administrator."
	block, _ := pem.Decode([]byte(e.Certificate))
	if block == nil {
		c.Outcome, c.Text, c.Fix = diag.Bad, "There is none.", fix
		return c
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	switch {
	case err != nil:
		c.Outcome, c.Text, c.Fix = diag.Bad, "It cannot be read: "+err.Error()+".", fix
	case now.After(cert.NotAfter):
		c.Outcome, c.Text, c.Fix = diag.Bad, "It has expired, on "+day(cert.NotAfter)+".", fix+" If that date has not come yet, set this machine's clock."
	case now.Before(cert.NotBefore):
		c.Outcome, c.Text, c.Fix = diag.Bad, "It is not good before "+day(cert.NotBefore)+".", "Set this machine's clock."
	case cert.NotAfter.Sub(now) < 7*24*time.Hour:
		c.Outcome, c.Text, c.Fix = diag.Warning, "It expires soon, on "+day(cert.NotAfter)+".", "Ask your administrator for a new enrolment link."
	default:
		c.Text = "It is good until " + day(cert.NotAfter) + "."
	}
	return c
}

func day(t time.Time) string { return t.Local().Format("2 Jan 2006 15:04") }

// controllerName looks the controller's name up.
func (r *run) controllerName(ctx context.Context) found {
	return found{checks: []diag.Check{lookUp(ctx, "controller-name", "The controller's name", r.enrolled.Controller)}}
}

// lookUp asks the system's resolver for the host of an address.
func lookUp(ctx context.Context, id, title, address string) diag.Check {
	c := diag.Check{ID: id, Title: title, Outcome: diag.Good}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		c.Outcome, c.Text, c.Fix = diag.Bad, address+" is no address.", "Enrol this device anew, with a new link from your administrator."
		return c
	}
	begun := time.Now()
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		c.Outcome, c.Text = diag.Bad, host+" is not found: "+plain(err)+"."
		c.Fix = "Check that this machine is online and which name server it asks; a VPN may have changed that."
		return c
	}
	var all []string
	for _, a := range addrs {
		all = append(all, a.Unmap().String())
	}
	c.Text = fmt.Sprintf("%s is %s (%s).", host, strings.Join(all, ", "), took(time.Since(begun)))
	return c
}

// controller tries both lanes to the controller, and compares clocks.
func (r *run) controller(ctx context.Context) found {
	lanes := [2]string{"h3", "h2"}
	var got [2]control.Probed
	var errs [2]error
	var running sync.WaitGroup
	for i, lane := range lanes {
		running.Go(func() { got[i], errs[i] = r.control.Probe(ctx, r.enrolled, r.peers.Identity, lane) })
	}
	running.Wait()
	f := found{checks: reach("controller", "The controller", r.enrolled.Controller,
		way{got[0].Connected, errs[0]}, way{got[1].Connected, errs[1]})}
	for i := range got {
		if errs[i] != nil {
			continue
		}
		f.checks = append(f.checks, clock(got[i]))
		if p := got[i].Refusal; p != nil && r.peers.Identity.Key != nil {
			f.checks = append(f.checks, diag.Check{ID: "controller-refuses", Title: "The controller and this device", Outcome: diag.Bad,
				Text: "It refuses this device: " + p.Title + ".", Fix: orElse(p.Detail, "Ask your administrator whether the device is still allowed, and enrol it anew if so.")})
		}
		break
	}
	return f
}

// way is what a lane came to.
type way struct {
	took time.Duration
	err  error
}

// reach says of somebody whether both lanes lead there, and what to do.
func reach(id, who, address string, quic, tcp way) []diag.Check {
	port := "the port of " + address
	if _, p, err := net.SplitHostPort(address); err == nil {
		port = "port " + p
	}
	line := func(name, lane string, w, other way) diag.Check {
		c := diag.Check{ID: id + "-" + lane, Title: who + " over " + name, Outcome: diag.Good}
		if w.err == nil {
			c.Text = fmt.Sprintf("%s is reached in %s.", address, took(w.took))
			return c
		}
		c.Outcome, c.Text = diag.Bad, address+" is not reached: "+plain(w.err)+"."
		var p *wire.Problem
		switch {
		case errors.As(w.err, &p) && p.Code == wire.CodeFingerprint, strings.Contains(w.err.Error(), "certificate"):
			c.Fix = "Somebody else answers there: leave networks with a sign-in page of their own, and software that looks into encrypted traffic, or tell your administrator."
		case other.err != nil:
			c.Fix = "Check that this machine is online. If it is, ask your network's administrator to allow UDP and TCP to " + port + ", or yours whether the server runs."
		case lane == "quic":
			c.Outcome = diag.Warning
			c.Fix = "It works over TCP all the same, but slower. Ask your network's administrator to allow UDP to " + port + "."
		default:
			c.Outcome = diag.Warning
			c.Fix = "It works over UDP all the same. Ask your network's administrator to allow TCP to " + port + " too, for networks that drop UDP."
		}
		return c
	}
	return []diag.Check{line("QUIC (UDP)", "quic", quic, tcp), line("TLS (TCP)", "tls", tcp, quic)}
}

// How far a clock may be off: codes are good for half a minute, and tokens for
// minutes.
const (
	clockWarns = 5 * time.Second
	clockFails = 60 * time.Second
)

// clock compares the controller's with ours.
func clock(p control.Probed) diag.Check {
	c := diag.Check{ID: "clock", Title: "The clock", Outcome: diag.Good}
	if p.At.IsZero() {
		c.Outcome, c.Text = diag.Unknown, "The controller does not tell the time."
		return c
	}
	off := p.Ours.Sub(p.At)
	exact := p.Answered / 2
	if p.Rough {
		exact += time.Second / 2
	}
	by := off.Abs().Round(time.Millisecond)
	if p.Rough {
		by = off.Abs().Round(time.Second)
	}
	word := "ahead of"
	if off < 0 {
		word = "behind"
	}
	c.Text = fmt.Sprintf("This machine's clock is %v %s the controller's, give or take %s.", by, word, took(exact))
	const fix = "Have this machine's clock set from the network: timedatectl set-ntp true"
	switch far := off.Abs() - exact; {
	case far > clockFails:
		c.Outcome, c.Fix = diag.Bad, fix
	case far > clockWarns:
		c.Outcome, c.Fix = diag.Warning, fix
	}
	return c
}

// took writes how long something took.
func took(d time.Duration) string {
	if d < 10*time.Millisecond {
		return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
	}
	return fmt.Sprintf("%d ms", d.Milliseconds())
}

// plain is an error on one line, without what says nothing to people.
func plain(err error) string {
	var p *wire.Problem
	var dns *net.DNSError
	switch {
	case errors.As(err, &p):
		return strings.TrimSuffix(p.Title, ".")
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer within " + each.String()
	case errors.As(err, &dns) && dns.IsNotFound:
		return "no such name"
	case errors.As(err, &dns) && dns.IsTimeout:
		return "the name server does not answer"
	}
	return strings.TrimSuffix(strings.Join(strings.Fields(err.Error()), " "), ".")
}
