package controller

import (
	"net/http"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// refuse makes a Problem of a code, with the one title and status of that code.
func refuse(code wire.Code) *wire.Problem {
	p := map[wire.Code]wire.Problem{
		wire.CodeBadRequest: {Status: http.StatusBadRequest, Title: "The request is malformed"},
		wire.CodeEnrolCode:  {Status: http.StatusForbidden, Title: "The enrolment code is wrong, used or expired; ask your administrator for a new link"},
		wire.CodeDevice:     {Status: http.StatusForbidden, Title: "This device is not enrolled here, or was revoked; ask your administrator for an enrolment link"},
		wire.CodeSignIn:     {Status: http.StatusUnauthorized, Title: "The user name, password or one-time code is wrong; try again"},
		wire.CodeLockedOut:  {Status: http.StatusTooManyRequests, Title: "Too many failed attempts; wait and try again"},
		wire.CodeOtherUser:  {Status: http.StatusForbidden, Title: "Another user enrolled this device; sign in as that user, or enrol your own device"},
		wire.CodeNoSession:  {Status: http.StatusUnauthorized, Title: "You are not signed in; sign in again"},
		wire.CodeSignedOut:  {Status: http.StatusUnauthorized, Title: "You have signed out; sign in again"},
		wire.CodeRevoked:    {Status: http.StatusUnauthorized, Title: "An administrator ended this session; sign in again or ask why"},
		wire.CodeAnswer:     {Status: http.StatusForbidden, Title: "The answer is wrong; try again"},
		wire.CodeOverload:   {Status: http.StatusServiceUnavailable, Title: "The controller is busy; try again in a moment"},
		wire.CodeInternal:   {Status: http.StatusInternalServerError, Title: "The controller could not do it; try again, and tell your administrator if it stays so"},
		wire.CodeNotFound:   {Status: http.StatusNotFound, Title: "There is nothing at this address"},
		wire.CodeNotAllowed: {Status: http.StatusMethodNotAllowed, Title: "This cannot be done here"},
	}[code]
	p.Code = code
	return &p
}

func lockedOut(until time.Time) *wire.Problem {
	p := refuse(wire.CodeLockedOut)
	p.Until = until.UTC().Round(0)
	return p
}

// badRequest says what is malformed, for whoever wrote the client.
func badRequest(err error) *wire.Problem {
	p := refuse(wire.CodeBadRequest)
	p.Detail = err.Error()
	return p
}
