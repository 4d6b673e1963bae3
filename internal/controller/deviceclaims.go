package controller

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"

	"github.com/tidegate/tidegate/internal/wire"
)

// deviceReport serves wire.PathDevice. No token is renewed: the gateways hear
// from the device itself.
func (c *Controller) deviceReport(w http.ResponseWriter, r *http.Request) *wire.Problem {
	d, p := c.device(r)
	if p != nil {
		return p
	}
	_, key, p := c.session(r, d)
	if p != nil {
		return p
	}
	var q wire.DeviceReport
	if p := readBody(w, r, &q); p != nil {
		return p
	}
	if err := checkDeviceClaims(q.Claims); err != nil {
		return badRequest(err)
	}
	s, err := c.sessions().change(r.Context(), key, sessionTTL, func(v *sessionRecord) error {
		if v.ID == "" || v.Ended != "" || reflect.DeepEqual(v.Claims, q.Claims) {
			return errKeep
		}
		v.Claims = q.Claims
		return nil
	})
	if err != nil {
		return c.internal("store device claims", err)
	}
	if s.ID == "" || s.Ended != "" {
		return refuse(wire.CodeNoSession)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// Bounds of what a device reports of itself: it stands in the claims token.
const (
	maxClaims     = 64
	maxTexts      = 64 // in one list
	maxClaimsSize = 64 << 10
)

// checkDeviceClaims bounds what a device reports of itself.
func checkDeviceClaims(claims wire.DeviceClaims) error {
	if len(claims) > maxClaims {
		return fmt.Errorf("there are more than %d device claims", maxClaims)
	}
	for name, v := range claims {
		if name == "" || len(name) > wire.MaxID {
			return errors.New("a device claim's name is missing or too long")
		}
		if err := checkClaim(v); err != nil {
			return fmt.Errorf("the device claim %q %w", name, err)
		}
	}
	if b, err := json.Marshal(claims); err != nil || len(b) > maxClaimsSize {
		return fmt.Errorf("the device claims take more than %d bytes", maxClaimsSize)
	}
	return nil
}

func checkClaim(v any) error {
	switch v := v.(type) {
	case bool, float64:
		return nil
	case string:
		if !shortText(v) {
			return errors.New("is too long")
		}
		return nil
	case []any:
		if len(v) > maxTexts {
			return fmt.Errorf("lists more than %d texts", maxTexts)
		}
		for _, item := range v {
			if s, ok := item.(string); !ok || !shortText(s) {
				return errors.New("lists something that is no text, or too long a one")
			}
		}
		return nil
	}
	return errors.New("is not true, false, a number, text or a list of texts")
}
