package lab

import (
	"bufio"
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// sample is one of the lab's applications, listening on loopback.
type sample struct {
	name  string // the host name that the gateway knows it by
	port  uint16 // the port that it is known by
	serve func(ctx context.Context, l net.Listener) error
	// answer, where set in the place of serve, is what it says to a datagram.
	answer func(b []byte) []byte
}

// samples are the applications behind the gateway. What they are called and
// who may use them stands in resources.yaml.tmpl.
func samples() []*sample {
	return []*sample{
		{name: "wiki.harbour.example", port: 80, serve: page("Harbour Wiki", "How we moor, load and leave.",
			[]string{"Berth plan, week 47", "Pilot on call: Ines", "How to read the tide tables"})},
		{name: "board.harbour.example", port: 80, serve: page("Arrivals Board", "What comes in with the tide.",
			[]string{"14:20  Aurora  berth 3", "15:05  Cormorant  berth 1", "16:40  Stella Maris  berth 2"})},
		{name: "payroll.harbour.example", port: 80, serve: page("Payroll", "Only with a fresh one-time code.",
			[]string{"November run: ready", "Overtime, night shift: 3 open"})},
		{name: "ledger.harbour.example", port: 7000, serve: lines("ledger")},
		{name: "dispatch.harbour.example", port: 7001, serve: lines("dispatch")},
		{name: "archive.harbour.example", port: 80, serve: page("Plans Archive", "For harbour masters.", nil)},
		{name: "crane.harbour.example", port: 80, serve: page("Crane Control", "Only with the harbour pass, and in calm weather.",
			[]string{"Crane 1: idle", "Crane 2: lifting, 14 t", "Crane 3: locked for the night"})},
		// No entitlement names these, but for the last: they are below a wildcard.
		{name: "north.quays.harbour.example", port: 80, serve: page("North Quay", "Below a wildcard.", []string{"Berth 1: free", "Berth 2: Cormorant"})},
		{name: "lamps.south.quays.harbour.example", port: 80, serve: page("Lamps of the South Quay", "Far below a wildcard.", []string{"12 lit, 1 out"})},
		{name: "customs.quays.harbour.example", port: 80, serve: page("Customs", "Taken out of the wildcard.", nil)},
		{name: "plans.quays.harbour.example", port: 80, serve: page("Plans of the Quays", "For harbour masters, though below the wildcard.", nil)},
		{name: "tides.harbour.example", port: 3000, answer: func(b []byte) []byte { return append([]byte("tides: "), b...) }},
	}
}

// gauge serves datagrams, each by itself.
func gauge(ctx context.Context, c net.PacketConn, answer func([]byte) []byte) error {
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	b := make([]byte, 64<<10)
	for {
		n, from, err := c.ReadFrom(b)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read datagrams: %w", err)
		}
		c.WriteTo(answer(b[:n]), from) // lost, as networks lose
	}
}

//go:embed page.html.tmpl
var pageFS embed.FS

var pageTemplate = template.Must(template.ParseFS(pageFS, "page.html.tmpl"))

// page serves one web page.
func page(title, line string, entries []string) func(context.Context, net.Listener) error {
	return func(ctx context.Context, l net.Listener) error {
		s := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			pageTemplate.Execute(w, map[string]any{"Title": title, "Line": line, "Entries": entries,
				"Now": time.Now().Format("15:04:05"), "Host": r.Host})
		})}
		stop := context.AfterFunc(ctx, func() { s.Close() })
		defer stop()
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	}
}

// lines serves a terminal: it greets, and answers each line.
func lines(name string) func(context.Context, net.Listener) error {
	return func(ctx context.Context, l net.Listener) error {
		var (
			mu    sync.Mutex
			conns = map[net.Conn]bool{}
			wg    sync.WaitGroup
		)
		stop := context.AfterFunc(ctx, func() {
			l.Close()
			mu.Lock()
			defer mu.Unlock()
			for c := range conns {
				c.Close()
			}
		})
		defer stop()
		defer wg.Wait()
		for {
			c, err := l.Accept()
			if ctx.Err() != nil {
				if err == nil {
					c.Close()
				}
				return nil
			}
			if err != nil {
				return fmt.Errorf("accept for %s: %w", name, err)
			}
			mu.Lock()
			conns[c] = true
			mu.Unlock()
			wg.Go(func() {
				talk(c, name)
				c.Close()
				mu.Lock()
				defer mu.Unlock()
				delete(conns, c)
			})
		}
	}
}

// maxLater is how much a connection may have said later.
const maxLater = 16

// talk answers each line in kind; "quit" ends. To "in 10s TEXT" it says TEXT by
// itself, ten seconds later.
func talk(c net.Conn, name string) {
	fmt.Fprintf(c, "%s ready\n", name)
	var later []*time.Timer
	defer func() {
		for _, t := range later {
			t.Stop()
		}
	}()
	in := bufio.NewScanner(io.LimitReader(c, 1<<30))
	for in.Scan() {
		line := strings.TrimSpace(in.Text())
		if line == "quit" {
			fmt.Fprintln(c, "goodbye")
			return
		}
		if rest, ok := strings.CutPrefix(line, "in "); ok && len(later) < maxLater {
			when, text, _ := strings.Cut(rest, " ")
			if d, err := time.ParseDuration(when); err == nil {
				later = append(later, time.AfterFunc(d, func() { fmt.Fprintln(c, text) })) // c may be gone by then
			}
		}
		if _, err := fmt.Fprintf(c, "%s: %s\n", name, line); err != nil {
			return
		}
	}
}
