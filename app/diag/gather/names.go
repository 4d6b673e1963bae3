package gather

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/tidegate/tidegate/app/diag"
	"github.com/tidegate/tidegate/session"
)

const (
	// maxExplained bounds how many names are explained, maxAsked how many of them
	// the system is asked for.
	maxExplained = 200
	maxAsked     = 10
)

// names tells how programs find the applications by their names, and asks the
// system as a program would.
func (r *run) names(ctx context.Context) (f found) {
	var b strings.Builder
	system(&b)
	if !r.running {
		return found{files: []diag.File{{Name: "names.txt", Text: b.String()}}}
	}
	d := r.state.Local.DNS
	f.checks = append(f.checks, nameService(d))
	if d != nil {
		fmt.Fprintf(&b, "\n# what Tidegate has told the system\nmode: %s\nwhy: %s\nserver: %v\nzones: %s\nadapter: %s\n", d.Mode, d.Why, d.Server, strings.Join(d.Zones, " "), d.Adapter)
		for _, u := range d.Upstreams {
			fmt.Fprintf(&b, "upstream: %v by %q for %v\n", u.Servers, u.Adapter, u.Domains)
		}
		for _, c := range d.Competitors {
			fmt.Fprintf(&b, "competitor: program %q, adapter %q, has %q, wins: %v\n", c.Program, c.Adapter, c.Domain, c.Wins)
		}
	}
	hosts := r.hosts()
	b.WriteString("\n# who answers for the applications' names\n")
	answered := map[string]session.Lookup{}
	for _, host := range hosts {
		if r.Explain == nil {
			break
		}
		l, err := r.Explain(host)
		if err != nil {
			fmt.Fprintf(&b, "%s: %v\n", host, err)
			continue
		}
		answered[host] = l
		fmt.Fprintf(&b, "%s: answers %q, zone %q, with %v, servers %v by %q\n", host, l.Answers, l.Zone, l.Addresses, l.Servers, l.Adapter)
	}
	if d == nil || d.Mode == "" { // others would hear the names
		f.files = []diag.File{{Name: "names.txt", Text: b.String()}}
		return f
	}
	hosts = slices.DeleteFunc(hosts, func(h string) bool { return answered[h].Answers != session.AnswerTidegate })
	check, text := askSystem(ctx, hosts[:min(len(hosts), maxAsked)], answered)
	b.WriteString("\n# what the system answers\n" + text)
	f.checks = append(f.checks, check...)
	f.files = []diag.File{{Name: "names.txt", Text: b.String()}}
	return f
}

// nameService checks what the session says of names.
func nameService(d *session.DNS) check {
	c := check{id: "names", title: say("Applications' names")}
	switch {
	case d == nil:
		c.text = say("They are not set up, as nobody is signed in.")
	case d.Problem != nil:
		c.is(diag.Warning, as(d.Problem.Title+". "+d.Problem.Detail), as(d.Problem.Fix).or(say("See: tidegate dns")))
	case d.Mode == "" && d.Rootless:
		c.is(diag.Warning, say("Programs do not find applications by their names: there is no helper on this machine."),
			say("Install the package of Tidegate, which has it, or reach applications as `tidegate dns` says."))
	case d.Mode == "":
		c.is(diag.Warning, say("Programs do not find applications by their names.").and(as(d.Why)), say("See: tidegate dns"))
	default:
		c.outcome, c.text = diag.Good, say("The system asks Tidegate for them (%s).", d.Mode)
	}
	return c
}

// hosts are the names of the applications, each once.
func (r *run) hosts() []string {
	var hosts []string
	for _, a := range r.state.Apps {
		if _, err := netip.ParseAddr(a.Host); err != nil && a.Host != "" {
			hosts = append(hosts, a.Host)
		}
	}
	slices.Sort(hosts)
	hosts = slices.Compact(hosts)
	return hosts[:min(len(hosts), maxExplained)]
}

// askSystem looks names up as programs do, and compares.
func askSystem(ctx context.Context, hosts []string, answered map[string]session.Lookup) ([]check, string) {
	if len(hosts) == 0 {
		return nil, ""
	}
	texts, wrong := make([]string, len(hosts)), make([]bool, len(hosts))
	var running sync.WaitGroup
	for i, host := range hosts {
		running.Go(func() {
			got, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
			ours := answered[host].Addresses
			wrong[i] = err != nil || !slices.ContainsFunc(got, func(a netip.Addr) bool { return slices.Contains(ours, a.Unmap()) })
			texts[i] = fmt.Sprintf("%s: %v\n", host, got)
			if err != nil {
				texts[i] = fmt.Sprintf("%s: %s\n", host, plain(err).english)
			}
		})
	}
	running.Wait()
	c := check{id: "names-system", title: say("Names as programs see them"), outcome: diag.Good,
		text: say("%d of %d names lead to Tidegate, as they should.", len(hosts), len(hosts))}
	var astray []string
	for i := range hosts {
		if wrong[i] {
			astray = append(astray, hosts[i])
		}
	}
	if len(astray) > 0 {
		c.is(diag.Bad, say("%d of %d names are not answered by Tidegate: %s.", len(astray), len(hosts), strings.Join(astray, ", ")),
			say("Another program answers in its place. See who, and what to do: tidegate dns explain %s", astray[0]))
	}
	return []check{c}, strings.Join(texts, "")
}

// system writes what the system is told of names: lines with settings alone.
func system(b *strings.Builder) {
	lines := func(path string, keep ...string) {
		text, err := os.ReadFile(path)
		fmt.Fprintf(b, "# %s\n", path)
		if err != nil {
			fmt.Fprintf(b, "%v\n", err)
			return
		}
		for line := range strings.Lines(string(text)) {
			if name, _, _ := strings.Cut(strings.TrimSpace(line), " "); slices.Contains(keep, name) {
				b.WriteString(strings.TrimSpace(line) + "\n")
			}
		}
	}
	lines("/etc/resolv.conf", "nameserver", "search", "domain", "options")
	if to, err := os.Readlink("/etc/resolv.conf"); err == nil {
		fmt.Fprintf(b, "it leads to %s\n", to)
	}
	lines("/etc/nsswitch.conf", "hosts:")
}
