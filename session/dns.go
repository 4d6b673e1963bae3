package session

import (
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/internal/wire"
)

// NameService says who answers when programs of this machine look names up.
type NameService struct {
	// Mode is how the system was told to ask us: resolved-delegate, resolved-link,
	// resolvconf, openresolv or direct. Empty: it was not.
	Mode string `json:"mode,omitempty"`
	// Why is why in that way, or why not at all; a sentence for whoever administers
	// the machine.
	Why string `json:"why,omitempty"`
	// Rootless: there is no helper here, and without one nothing of the system is
	// touched.
	Rootless bool `json:"rootless,omitempty"`
	// Server is where we answer, at port 53, and Zones for what: these names and all
	// below them.
	Server netip.Addr `json:"server,omitzero"`
	Zones  []string   `json:"zones,omitempty"`
	// All: every name comes to us, and we ask Upstreams for those that are not ours.
	All bool `json:"all,omitempty"`
	// Upstreams are the network's servers and those of VPNs, as far as they are known.
	Upstreams []Upstream `json:"upstreams,omitempty"`
	// Adapter is the one that the machine's network is reached by: names that are
	// nobody's leave by it. Empty: not known.
	Adapter string `json:"adapter,omitempty"`
	// Competitors are others who have zones that touch ours.
	Competitors []Competitor `json:"competitors,omitempty"`
}

// DNS is the name service with what is wrong with it.
type DNS struct {
	NameService
	// Problem is why it is not as it should be; nil: it is, or nobody asked for it.
	Problem *Problem `json:"problem,omitempty"`
}

// DNSFact is what the data plane reports of the name service.
type DNSFact struct {
	NameService
	Problem *wire.Problem
	// Asked is when the hosts of applications, in lower case and without a last
	// dot, were looked up last; those only that were.
	Asked map[string]time.Time
}

// Upstream are servers for names that are not ours.
type Upstream struct {
	Servers []netip.AddrPort `json:"servers"`
	// Adapter leads there; empty: whichever the routes say.
	Adapter string `json:"adapter,omitempty"`
	// Domains are asked here; none: what is nobody else's.
	Domains []string `json:"domains,omitempty"`
}

// Competitor is another program that has a zone which is one of ours, or has one
// of ours in it, or lies in one.
type Competitor struct {
	Program string `json:"program,omitempty"`
	Adapter string `json:"adapter,omitempty"`
	Domain  string `json:"domain"`
	// Wins: names of ours are asked of it, too or instead.
	Wins bool `json:"wins"`
}

// Who names it for the user, within a sentence.
func (c Competitor) Who() string {
	switch {
	case c.Program != "" && c.Adapter != "":
		return lang.F("%s (adapter %s)", c.Program, c.Adapter)
	case c.Program != "":
		return c.Program
	case c.Adapter != "":
		return lang.F("the adapter %s", c.Adapter)
	}
	return lang.T("another program")
}

// who names it where a sentence begins.
func (c Competitor) who() string {
	if c.Program != "" {
		return c.Who()
	}
	return upper(c.Who())
}

// All says whether it has every name.
func (c Competitor) All() bool { return c.Domain == "" || c.Domain == "." }

// What names for the user what it has.
func (c Competitor) What() string {
	if c.All() {
		return lang.T("all names")
	}
	return c.Domain
}

// Lookup says who answers a program that looks a name up, and why.
type Lookup struct {
	Name string `json:"name"`
	// Answers says who does.
	Answers Answerer `json:"answers"`
	// Zone is the one of ours that the name is in; Addresses are what we answer;
	// App the application that is there.
	Zone      string       `json:"zone,omitempty"`
	Addresses []netip.Addr `json:"addresses,omitempty"`
	App       wire.AppID   `json:"app,omitempty"`
	// Servers are asked, through Adapter.
	Servers []netip.AddrPort `json:"servers,omitempty"`
	Adapter string           `json:"adapter,omitempty"`
	// Why explains it, and Fix says what to do where it is not as it should be.
	Why string `json:"why"`
	Fix string `json:"fix,omitempty"`
	// Competitors are those who touch this name.
	Competitors []Competitor `json:"competitors,omitempty"`
}

// Answerer is who answers a lookup.
type Answerer string

// The answerers. The zero value is that it is not known.
const (
	AnswerUnknown  Answerer = ""
	AnswerTidegate Answerer = "tidegate" // we, with an address that stands for the application
	AnswerNobody   Answerer = "nobody"   // we, that there is no such name; without a Zone: that we know nobody to ask
	AnswerNetwork  Answerer = "network"  // the servers of the network that the machine is in
	AnswerVPN      Answerer = "vpn"      // a VPN's
	AnswerFile     Answerer = "file"     // the system's hosts file
	AnswerSystem   Answerer = "system"   // whoever the system asks: we have told it nothing
)

// named says whether programs reach a host by its name.
func (f *DataplaneFacts) named(host string) bool {
	if !f.TUN || f.DNS == nil || f.DNS.Mode == "" {
		return false
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return false
	}
	host = plainName(host)
	for _, zone := range f.DNS.Zones {
		if host == zone || strings.HasSuffix(host, "."+zone) {
			return true
		}
	}
	return false
}

// plainName writes a host in its one spelling.
func plainName(host string) string { return strings.TrimSuffix(strings.ToLower(host), ".") }

// openingByName says how an application is opened by its own name.
func openingByName(a *App) (OpenKind, string) {
	port := strconv.Itoa(int(a.Port))
	switch a.Protocol {
	case "http", "https":
		u, err := url.Parse(a.Link)
		if err != nil {
			return OpenCopy, net.JoinHostPort(a.Host, port)
		}
		u.User = nil
		return OpenBrowser, u.String()
	case "ssh":
		if a.Port != defaultPorts["ssh"] {
			return OpenTerminal, "ssh -p " + port + " " + a.Host
		}
		return OpenTerminal, "ssh " + a.Host
	}
	return OpenCopy, net.JoinHostPort(a.Host, port)
}

func deriveDNS(f *facts) *DNS {
	fact := f.plane.DNS
	if fact == nil {
		return nil
	}
	d := &DNS{NameService: fact.NameService}
	d.Why = Told(d.Why)
	if fact.Problem != nil {
		d.Problem = explainDNS(fact.Problem)
	}
	return d
}

// dnsProblems are what is wrong with the name service, or may be.
func dnsProblems(f *facts, in *intent, w *wake) []*Problem {
	d := deriveDNS(f)
	if d == nil {
		return nil
	}
	ps := []*Problem{d.Problem}
	for _, c := range d.Competitors {
		if c.Wins {
			ps = append(ps, explainCompetitor(c))
			break // one says what to do; `tidegate dns` lists them
		}
	}
	return append(ps, unasked(f, in, w))
}

const (
	// askingTime is how long a browser may take from its start to its first lookup.
	askingTime = 10 * time.Second
	// rememberedTime is for how long it, or the system, may go by an older one.
	rememberedTime = time.Minute
)

// opened is an application that was opened by its name in a browser.
type opened struct {
	app wire.AppID
	at  time.Time
}

// unasked warns of a browser that was started with an application's name and has
// not looked it up here.
func unasked(f *facts, in *intent, w *wake) *Problem {
	for _, a := range f.catalog {
		if a.ID != in.opened.app || !f.plane.named(a.Host) {
			continue
		}
		fact := f.plane.Apps[a.ID]
		at := in.opened.at
		switch {
		case f.plane.DNS.Asked[plainName(a.Host)].After(at.Add(-rememberedTime)):
		case fact.Flows > 0 || fact.Waiting > 0 || fact.LastUsed.After(at):
		case w.within(at, askingTime):
		default:
			return explainUnasked(&a)
		}
	}
	return nil
}
