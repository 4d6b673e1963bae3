package gather

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
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
func certificate(e session.Enrolled, now time.Time) check {
	c := check{id: "device-certificate", title: say("This device's certificate"), outcome: diag.Good}
	anew := say("Enrol this device anew, with a new link from your administrator.")
	block, _ := pem.Decode([]byte(e.Certificate))
	if block == nil {
		c.is(diag.Bad, say("There is none."), anew)
		return c
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	switch {
	case err != nil:
		c.is(diag.Bad, say("It cannot be read: %s.", err.Error()), anew)
	case now.After(cert.NotAfter):
		c.is(diag.Bad, say("It has expired, on %s.", day(cert.NotAfter)), anew.and(say("If that date has not come yet, set this machine's clock.")))
	case now.Before(cert.NotBefore):
		c.is(diag.Bad, say("It is not good before %s.", day(cert.NotBefore)), say("Set this machine's clock."))
	case cert.NotAfter.Sub(now) < 7*24*time.Hour:
		c.is(diag.Warning, say("It expires soon, on %s.", day(cert.NotAfter)), say("Ask your administrator for a new enrolment link."))
	default:
		c.text = say("It is good until %s.", day(cert.NotAfter))
	}
	return c
}

// controllerName looks the controller's name up.
func (r *run) controllerName(ctx context.Context) found {
	return found{checks: []check{lookUp(ctx, "controller-name", say("The controller's name"), r.enrolled.Controller)}}
}

// lookUp asks the system's resolver for the host of an address.
func lookUp(ctx context.Context, id string, title said, address string) check {
	c := check{id: id, title: title, outcome: diag.Good}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		c.is(diag.Bad, say("%s is no address.", address), say("Enrol this device anew, with a new link from your administrator."))
		return c
	}
	begun := time.Now()
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		c.is(diag.Bad, say("%s is not found: %s.", host, plain(err)), say("Check that this machine is online and which name server it asks; a VPN may have changed that."))
		return c
	}
	var all []string
	for _, a := range addrs {
		all = append(all, a.Unmap().String())
	}
	c.text = say("%s is %s (%s).", host, strings.Join(all, ", "), took(time.Since(begun)))
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
	f := found{checks: reach("controller", say("The controller"), r.enrolled.Controller,
		way{got[0].Connected, errs[0]}, way{got[1].Connected, errs[1]})}
	for i := range got {
		if errs[i] != nil {
			continue
		}
		f.checks = append(f.checks, clock(got[i]))
		if p := got[i].Refusal; p != nil && r.peers.Identity.Key != nil {
			f.checks = append(f.checks, check{id: "controller-refuses", title: say("The controller and this device"), outcome: diag.Bad,
				text: say("It refuses this device: %s.", plain(p)), fix: as(p.Detail).or(say("Ask your administrator whether the device is still allowed, and enrol it anew if so."))})
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
func reach(id string, who said, address string, quic, tcp way) []check {
	port := say("the port of %s", address)
	if _, p, err := net.SplitHostPort(address); err == nil {
		port = say("port %s", p)
	}
	line := func(name, lane string, w, other way) check {
		c := check{id: id + "-" + lane, title: say("%s over %s", who, name), outcome: diag.Good}
		if w.err == nil {
			c.text = say("%s is reached in %s.", address, took(w.took))
			return c
		}
		c.outcome, c.text = diag.Bad, say("%s is not reached: %s.", address, plain(w.err))
		var p *wire.Problem
		switch {
		case errors.As(w.err, &p) && p.Code == wire.CodeFingerprint, strings.Contains(w.err.Error(), "certificate"):
			c.fix = say("Somebody else answers there: leave networks with a sign-in page of their own, and software that looks into encrypted traffic, or tell your administrator.")
		case other.err != nil:
			c.fix = say("Check that this machine is online. If it is, ask your network's administrator to allow UDP and TCP to %s, or yours whether the server runs.", port)
		case lane == "quic":
			c.outcome = diag.Warning
			c.fix = say("It works over TCP all the same, but slower. Ask your network's administrator to allow UDP to %s.", port)
		default:
			c.outcome = diag.Warning
			c.fix = say("It works over UDP all the same. Ask your network's administrator to allow TCP to %s too, for networks that drop UDP.", port)
		}
		return c
	}
	return []check{line("QUIC (UDP)", "quic", quic, tcp), line("TLS (TCP)", "tls", tcp, quic)}
}

// How far a clock may be off: codes are good for half a minute, and tokens for
// minutes.
const (
	clockWarns = 5 * time.Second
	clockFails = 60 * time.Second
)

// clock compares the controller's with ours.
func clock(p control.Probed) check {
	c := check{id: "clock", title: say("The clock"), outcome: diag.Good}
	if p.At.IsZero() {
		c.outcome, c.text = diag.Unknown, say("The controller does not tell the time.")
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
	c.text = say("This machine's clock is %s ahead of the controller's, give or take %s.", span(by), took(exact))
	if off < 0 {
		c.text = say("This machine's clock is %s behind the controller's, give or take %s.", span(by), took(exact))
	}
	fix := say("Have this machine's clock set from the network: timedatectl set-ntp true")
	switch far := off.Abs() - exact; {
	case far > clockFails:
		c.outcome, c.fix = diag.Bad, fix
	case far > clockWarns:
		c.outcome, c.fix = diag.Warning, fix
	}
	return c
}

// plain is an error on one line, without what says nothing to people.
func plain(err error) said {
	var p *wire.Problem
	var dns *net.DNSError
	switch {
	case errors.As(err, &p):
		return as(strings.TrimSuffix(p.Title, "."))
	case errors.Is(err, context.DeadlineExceeded):
		return say("no answer within %s", span(each))
	case errors.As(err, &dns) && dns.IsNotFound:
		return say("no such name")
	case errors.As(err, &dns) && dns.IsTimeout:
		return say("the name server does not answer")
	}
	return as(strings.TrimSuffix(strings.Join(strings.Fields(err.Error()), " "), "."))
}
