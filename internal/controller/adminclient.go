package controller

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// The functions below are for the controller's command line: each asks the
// controller that runs on a socket (see AdminSocket). Refusals are *wire.Problem.

// AdminEnrol makes an enrolment link for a user.
func AdminEnrol(ctx context.Context, socket, user string) (wire.EnrolmentLink, error) {
	return adminNewLink(ctx, socket, adminRequest{User: user})
}

// AdminEnrolGateway makes an enrolment link for a gateway.
func AdminEnrolGateway(ctx context.Context, socket, name string) (wire.EnrolmentLink, error) {
	return adminNewLink(ctx, socket, adminRequest{Gateway: name})
}

func adminNewLink(ctx context.Context, socket string, q adminRequest) (wire.EnrolmentLink, error) {
	var l adminLink
	if err := adminDo(ctx, socket, http.MethodPost, adminEnrol, q, &l); err != nil {
		return wire.EnrolmentLink{}, err
	}
	return wire.ParseEnrolmentLink(l.Link)
}

// AdminRevokeSession ends a session.
func AdminRevokeSession(ctx context.Context, socket string, id wire.SessionID) error {
	return adminDo(ctx, socket, http.MethodPost, adminRevoke, adminRequest{Session: id}, nil)
}

// AdminRevokeUser ends a user's sessions and refuses new ones.
func AdminRevokeUser(ctx context.Context, socket, user string) error {
	return adminDo(ctx, socket, http.MethodPost, adminRevoke, adminRequest{User: user}, nil)
}

// AdminRestoreUser undoes AdminRevokeUser.
func AdminRestoreUser(ctx context.Context, socket, user string) error {
	return adminDo(ctx, socket, http.MethodPost, adminRestore, adminRequest{User: user}, nil)
}

// AdminRevokeDevice voids a device's certificate and ends its sessions.
func AdminRevokeDevice(ctx context.Context, socket string, id wire.DeviceID) error {
	return adminDo(ctx, socket, http.MethodPost, adminRevoke, adminRequest{Device: id}, nil)
}

// AdminRevokePolicy ends the sessions that are assigned a policy and says how many.
func AdminRevokePolicy(ctx context.Context, socket, name string) (int, error) {
	var n adminCount
	err := adminDo(ctx, socket, http.MethodPost, adminRevoke, adminRequest{Policy: name}, &n)
	return n.Sessions, err
}

// AdminSuspend has the live sessions that match suspend their data channels; the
// zero Match: every one. The next use of an application resumes.
func AdminSuspend(ctx context.Context, socket string, match Match) (Suspension, error) {
	var n Suspension
	err := adminDo(ctx, socket, http.MethodPost, adminSuspend, match, &n)
	return n, err
}

// AdminRenewTokens makes new tokens for the live sessions that match and says
// for how many. The zero Renewal means both kinds, the zero Match every session.
func AdminRenewTokens(ctx context.Context, socket string, which Renewal, match Match) (int, error) {
	var n adminCount
	err := adminDo(ctx, socket, http.MethodPost, adminRenew, adminRenewal{which, match}, &n)
	return n.Sessions, err
}

// AdminSetRisk says how risky a user's situation is, from 0 to 100, until an
// instant; zero: until it is said anew.
func AdminSetRisk(ctx context.Context, socket, user string, level int64, until time.Time, why string) error {
	return adminDo(ctx, socket, http.MethodPost, adminRisk, adminLevel{user, wire.Risk{Level: level, Until: until, Why: why}}, nil)
}

// AdminExplain says for each session of a user's why an application, by the id
// of its shortcut or entitlement ("": all), may be used or not.
func AdminExplain(ctx context.Context, socket, user, app string) ([]Explanation, error) {
	var all []Explanation
	err := adminDo(ctx, socket, http.MethodPost, adminExplain, adminQuestion{user, app}, &all)
	return all, err
}

// AdminSessions lists the live sessions.
func AdminSessions(ctx context.Context, socket string) ([]SessionInfo, error) {
	var all []SessionInfo
	err := adminDo(ctx, socket, http.MethodGet, adminSessions, nil, &all)
	return all, err
}

// AdminAudit returns the last audit records.
func AdminAudit(ctx context.Context, socket string) ([]wire.AuditRecord, error) {
	var all []wire.AuditRecord
	err := adminDo(ctx, socket, http.MethodGet, adminAudit, nil, &all)
	return all, err
}

// adminSend asks, and returns the answer's body where it is not a refusal.
func adminSend(ctx context.Context, socket, method, path string, q any) (*http.Response, error) {
	body, err := json.Marshal(q)
	if err != nil {
		return nil, fmt.Errorf("ask controller: %w", err)
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://controller"+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("ask controller: %w", err)
	}
	t := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}
	w, err := t.RoundTrip(r)
	if err != nil {
		return nil, fmt.Errorf("ask controller on %s: %w; is it running, as this user?", socket, err)
	}
	if w.StatusCode/100 != 2 {
		defer w.Body.Close()
		return nil, wire.ReadProblem(w.StatusCode, w.Body)
	}
	return w, nil
}

func adminDo(ctx context.Context, socket, method, path string, q, reply any) error {
	w, err := adminSend(ctx, socket, method, path, q)
	if err != nil {
		return err
	}
	defer w.Body.Close()
	if w.StatusCode == http.StatusNoContent {
		return nil
	}
	if err := json.NewDecoder(w.Body).Decode(reply); err != nil {
		return fmt.Errorf("ask controller: %w", err)
	}
	return nil
}
