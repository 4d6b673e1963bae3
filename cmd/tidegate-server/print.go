package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/tidegate/tidegate/internal/controller"
	"github.com/tidegate/tidegate/internal/wire"
)

func printSessions(out io.Writer, list []controller.SessionInfo) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SESSION\tUSER\tDEVICE\tADDRESS\tCREATED\tEXPIRES")
	for _, s := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", s.ID, s.User, s.Device, s.Address,
			s.Created.Format(time.RFC3339), s.Expires.Format(time.RFC3339))
	}
	return w.Flush()
}

func printAudit(out io.Writer, records []wire.AuditRecord) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "TIME\tKIND\tALLOW\tUSER\tSESSION\tENTITLEMENT\tTARGET\tWHY")
	for _, r := range records {
		var why []string
		for _, s := range []string{string(r.Trigger), string(r.Reason.Kind), r.Reason.Detail, r.Detail} {
			if s != "" {
				why = append(why, s)
			}
		}
		fmt.Fprintf(w, "%s\t%s\t%t\t%s\t%s\t%s\t%s\t%s\n", r.At.UTC().Format(time.RFC3339), inert(r.Kind), r.Allow,
			inert(r.User), inert(string(r.Session)), inert(string(r.Entitlement)), inert(r.Target), inert(strings.Join(why, " ")))
	}
	return w.Flush()
}

// inert makes a cell of what a gateway or a user wrote: it breaks no line and
// reaches no terminal as anything but text.
func inert(s string) string {
	switch {
	case s == "":
		return "-"
	case strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }):
		return strconv.Quote(s)
	}
	return s
}
