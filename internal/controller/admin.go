package controller

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// Paths of the administration socket: HTTP for the same user of this machine.
const (
	adminEnrol    = "/enrol"    // POST adminRequest, answered adminLink
	adminRevoke   = "/revoke"   // POST adminRequest
	adminRestore  = "/restore"  // POST adminRequest
	adminSuspend  = "/suspend"  // POST Match, answered Suspension
	adminSessions = "/sessions" // GET, answered []SessionInfo
	adminAudit    = "/audit"    // GET, answered []wire.AuditRecord
	adminRenew    = "/renew"    // POST adminRenewal, answered adminCount
	adminRisk     = "/risk"     // POST adminLevel
	adminExplain  = "/explain"  // POST adminQuestion, answered []Explanation
)

type adminRequest struct {
	User    string         `json:"user,omitempty"`
	Gateway string         `json:"gateway,omitempty"`
	Session wire.SessionID `json:"session,omitempty"`
	Device  wire.DeviceID  `json:"device,omitempty"`
	Policy  string         `json:"policy,omitempty"`
}

// adminCount is how many sessions were concerned.
type adminCount struct {
	Sessions int `json:"sessions"`
}

type adminRenewal struct {
	Renewal Renewal `json:"renewal"`
	Match   Match   `json:"match"`
}

type adminLevel struct {
	User string `json:"user"`
	wire.Risk
}

type adminQuestion struct {
	User string `json:"user"`
	App  string `json:"app,omitempty"`
}

type adminLink struct {
	Link string `json:"link"`
}

// listenAdmin opens the socket; its directory is its owner's alone. A socket
// that a killed controller left behind is replaced, one in use is not.
func listenAdmin(name string) (net.Listener, error) {
	if conn, err := net.Dial("unix", name); err == nil {
		conn.Close()
		return nil, fmt.Errorf("another controller answers on %s; stop it, or give this one a state directory of its own", name)
	}
	if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("administration socket: %w", err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: name, Net: "unix"})
	if err != nil {
		if len(name) > 100 {
			return nil, fmt.Errorf("administration socket: %w; choose a state directory with a shorter name", err)
		}
		return nil, fmt.Errorf("administration socket: %w", err)
	}
	if err := os.Chmod(name, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("administration socket: %w", err), l.Close())
	}
	return peerListener{l}, nil
}

// peerListener accepts connections of this process's user, and of root.
type peerListener struct{ *net.UnixListener }

// Accept implements net.Listener.
func (l peerListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.AcceptUnix()
		if err != nil {
			return nil, err
		}
		if uid, err := peerUID(conn); err == nil && (uid == os.Getuid() || uid == 0) {
			return conn, nil
		}
		conn.Close()
	}
}

func (c *Controller) adminServer() *http.Server {
	return &http.Server{
		Handler: c.serve(map[string]map[string]endpoint{
			adminEnrol:    {http.MethodPost: c.adminEnrol},
			adminRevoke:   {http.MethodPost: c.adminRevoke},
			adminRestore:  {http.MethodPost: c.adminRestore},
			adminSuspend:  {http.MethodPost: c.adminSuspend},
			adminSessions: {http.MethodGet: c.adminSessions},
			adminAudit:    {http.MethodGet: c.adminAudit},
			adminRenew:    {http.MethodPost: c.adminRenew},
			adminRisk:     {http.MethodPost: c.adminRisk},
			adminExplain:  {http.MethodPost: c.adminExplain},
			adminPlan:     {http.MethodPost: c.adminPlan},
			adminApply:    {http.MethodPost: c.adminApply},
		}),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
	}
}

// adminAnswer makes the answer to what an administrator asked for.
func (c *Controller) adminAnswer(w http.ResponseWriter, v any, err error) *wire.Problem {
	if err != nil {
		p := badRequest(err)
		p.Title = "The controller refused"
		if errors.Is(err, ErrUnknown) {
			p.Status = http.StatusNotFound
		}
		return p
	}
	if v == nil {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	wire.WriteJSON(w, http.StatusOK, v)
	return nil
}

func (c *Controller) adminEnrol(w http.ResponseWriter, r *http.Request) *wire.Problem {
	var q adminRequest
	if p := readBody(w, r, &q); p != nil {
		return p
	}
	var link wire.EnrolmentLink
	var err error
	if q.Gateway != "" {
		link, err = c.NewGatewayEnrolment(r.Context(), q.Gateway)
	} else {
		link, err = c.NewEnrolment(r.Context(), q.User)
	}
	return c.adminAnswer(w, adminLink{link.String()}, err)
}

func (c *Controller) adminRevoke(w http.ResponseWriter, r *http.Request) *wire.Problem {
	var q adminRequest
	if p := readBody(w, r, &q); p != nil {
		return p
	}
	var err error
	switch {
	case q.Policy != "":
		n, err := c.RevokePolicy(r.Context(), q.Policy)
		return c.adminAnswer(w, adminCount{n}, err)
	case q.Session != "":
		err = c.RevokeSession(r.Context(), q.Session)
	case q.Device != "":
		err = c.RevokeDevice(r.Context(), q.Device)
	default:
		err = c.RevokeUser(r.Context(), q.User)
	}
	return c.adminAnswer(w, nil, err)
}

func (c *Controller) adminRestore(w http.ResponseWriter, r *http.Request) *wire.Problem {
	var q adminRequest
	if p := readBody(w, r, &q); p != nil {
		return p
	}
	return c.adminAnswer(w, nil, c.RestoreUser(r.Context(), q.User))
}

func (c *Controller) adminSuspend(w http.ResponseWriter, r *http.Request) *wire.Problem {
	var q Match
	if p := readBody(w, r, &q); p != nil {
		return p
	}
	n, err := c.Suspend(r.Context(), q)
	return c.adminAnswer(w, n, err)
}

func (c *Controller) adminSessions(w http.ResponseWriter, r *http.Request) *wire.Problem {
	all, err := c.Sessions(r.Context())
	return c.adminAnswer(w, all, err)
}

func (c *Controller) adminAudit(w http.ResponseWriter, r *http.Request) *wire.Problem {
	return c.adminAnswer(w, c.Audit(), nil)
}

func (c *Controller) adminRenew(w http.ResponseWriter, r *http.Request) *wire.Problem {
	var q adminRenewal
	if p := readBody(w, r, &q); p != nil {
		return p
	}
	n, err := c.RenewTokens(r.Context(), q.Renewal, q.Match)
	return c.adminAnswer(w, adminCount{n}, err)
}

func (c *Controller) adminRisk(w http.ResponseWriter, r *http.Request) *wire.Problem {
	var q adminLevel
	if p := readBody(w, r, &q); p != nil {
		return p
	}
	return c.adminAnswer(w, nil, c.SetRisk(r.Context(), q.User, q.Level, q.Until, q.Why))
}

func (c *Controller) adminExplain(w http.ResponseWriter, r *http.Request) *wire.Problem {
	var q adminQuestion
	if p := readBody(w, r, &q); p != nil {
		return p
	}
	all, err := c.Explain(r.Context(), q.User, q.App)
	return c.adminAnswer(w, all, err)
}
