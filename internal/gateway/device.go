package gateway

import (
	"net/http"

	"github.com/tidegate/tidegate/internal/wire"
)

// The bounds of what a device reports.
const (
	maxClaims = 256
	maxReport = 64 << 10 // bytes
	maxItems  = 1024     // of all lists together
)

// putDevice takes what the device says of itself now (seed 003: every five
// minutes, and only what is another).
func (g *Gateway) putDevice(w http.ResponseWriter, r *http.Request, c *carrier) {
	var report wire.DeviceReport
	r.Body = http.MaxBytesReader(w, r.Body, maxReport)
	problem := readBody(w, r, &report)
	if problem == nil {
		problem = checkReport(report.Claims)
	}
	if problem == nil {
		problem = noSession()
		claims := report.Claims
		if claims == nil { // it reports nothing any more
			claims = wire.DeviceClaims{}
		}
		if s := c.current(); s != nil && s.call(func() { s.reported(claims) }) {
			problem = nil
		}
	}
	if problem != nil {
		g.refuse(w, problem)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// checkReport bounds what judging by a report may cost.
func checkReport(claims wire.DeviceClaims) *wire.Problem {
	size, items := 0, 0
	for name, v := range claims {
		size += len(name)
		switch v := v.(type) {
		case string:
			size += len(v)
		case []any:
			items += len(v)
			for _, item := range v {
				text, _ := item.(string)
				size += len(text)
			}
		}
	}
	if len(claims) > maxClaims || size > maxReport || items > maxItems {
		return &wire.Problem{Code: wire.CodeBadRequest, Status: http.StatusBadRequest, Title: "The device reports too many claims"}
	}
	return nil
}
