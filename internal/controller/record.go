package controller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tidegate/tidegate/internal/controller/store"
	"github.com/tidegate/tidegate/internal/wire"
)

// The records of the store, each in JSON under "kind.id".
type (
	// deviceRecord is an enrolled device, kept for good.
	deviceRecord struct {
		ID       wire.DeviceID
		User     string
		Key      string // thumbprint of its public key: what revocation goes by
		Hostname string
		OS       string
		Enrolled time.Time
		Revoked  bool
		Session  string // the key of its present session's record, or ""
	}
	// gatewayRecord is an enrolled gateway; enrolling again voids the old key.
	gatewayRecord struct {
		Key string
	}
	// userRecord is what an administrator did to a user since the configuration.
	userRecord struct {
		Revoked bool
	}
	// stepRecord is the last time step whose one-time code was accepted.
	stepRecord struct {
		Step uint64
	}
	// lockRecord counts a user's failures on a device.
	lockRecord struct {
		Failures int
		Codes    int // of Failures, those in which a one-time code was asked for
		Until    time.Time
	}
	// codeRecord is an enrolment code, under its hash.
	codeRecord struct {
		User    string
		Gateway string
		Expires time.Time // zero: never
		Used    bool
	}
	// sessionRecord is a session, under the hash of its cookie. An ended one
	// is kept while its tokens live: gateways must hear of it.
	sessionRecord struct {
		ID        wire.SessionID
		User      string
		Device    wire.DeviceID
		Key       string // of the device
		Created   time.Time
		Expires   time.Time
		Address   string // where the client's last event stream, or its sign-in, came from
		Coded     bool   // the sign-in took a one-time code
		Claims    wire.DeviceClaims
		Responses map[wire.InteractionKind]time.Time
		Policies  []string // assigned when that was last evaluated, by name
		Tokens    tokenSet
		Access    string    // digest of what its tokens allow; see access
		Renew     uint64    // revision (see inTokens) from which on its tokens are good
		Ended     wire.Code // "" while it lives
		EndedAt   time.Time
	}
	// tokenSet names a session's tokens, which are records of their own. They
	// are made when a trigger asks for it and at no other time.
	tokenSet struct {
		Certificate       string // thumbprint of the one that they are bound to
		Revision          uint64 // of the policies (see inTokens); all of them are of this or a later one
		Claims            string
		ClaimsRenew       time.Time // zero: it ends with the session
		Entitlements      map[wire.SiteID]string
		EntitlementsRenew time.Time // likewise
		Serial            uint64    // of the last token made
	}
	// tokenRecord is a signed token, under its id. It is never changed.
	tokenRecord struct {
		Token string
	}
	// policyRecord counts what gateways are told.
	policyRecord struct {
		Revision uint64
	}
	// configRecord is the configuration in force, and since which policy revision.
	configRecord struct {
		Digest   string
		Revision uint64
	}
	// riskRecord is what each source has said of a user's risk last.
	riskRecord struct {
		User string
		Said map[string]riskSaid
	}
	// signalRecord is an outside signal that has come; its id is no use again.
	signalRecord struct {
		At time.Time
	}
)

// The kinds of records.
const (
	kindDevice  = "device"
	kindGateway = "gateway"
	kindUser    = "user"
	kindStep    = "step"
	kindLock    = "lock"
	kindCode    = "code"
	kindSession = "session"
	kindToken   = "token"
	kindPolicy  = "policy"
	kindConfig  = "config"
	kindRisk    = "risk"
	kindSignal  = "signal"
)

const (
	policyKey = kindPolicy + ".revision"
	configKey = kindConfig + ".present"
)

// recordKey makes a key of ids; '.' is legal within an id and not in a segment.
func recordKey(kind string, ids ...string) string {
	for _, id := range ids {
		kind += "." + strings.ReplaceAll(id, ".", "=")
	}
	return kind
}

// alive says whether a session has neither ended nor expired.
func (s *sessionRecord) alive(now time.Time) bool { return s.Ended == "" && now.Before(s.Expires) }

// records reads and writes records of type T.
type records[T any] struct{ store store.Store }

// get returns store.ErrNotFound where there is no record.
func (r records[T]) get(ctx context.Context, key string) (T, error) {
	v, _, err := r.read(ctx, key)
	return v, err
}

func (r records[T]) read(ctx context.Context, key string) (T, uint64, error) {
	var v T
	e, err := r.store.Get(ctx, key)
	if err != nil {
		return v, 0, err
	}
	if err := json.Unmarshal(e.Value, &v); err != nil {
		return v, 0, fmt.Errorf("read record %s: %w", key, err)
	}
	return v, e.Revision, nil
}

// errKeep, returned by the function given to change, leaves the record as it is.
var errKeep = errors.New("no change")

// change applies f to a record, which is zero where there is none, until no one
// else was faster, and returns what was written. An error of f's ends it.
func (r records[T]) change(ctx context.Context, key string, ttl func(T) time.Duration, f func(*T) error) (T, error) {
	for {
		v, revision, err := r.read(ctx, key)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return v, err
		}
		if err := f(&v); err != nil {
			if errors.Is(err, errKeep) {
				err = nil
			}
			return v, err
		}
		b, err := json.Marshal(v)
		if err != nil {
			return v, fmt.Errorf("write record %s: %w", key, err)
		}
		var life time.Duration
		if ttl != nil {
			life = ttl(v)
		}
		_, err = r.store.Put(ctx, key, b, revision, life)
		if !errors.Is(err, store.ErrConflict) {
			return v, err
		}
	}
}

// list returns the records of a kind by key.
func (r records[T]) list(ctx context.Context, kind string) (map[string]T, error) {
	entries, err := r.store.List(ctx, kind)
	if err != nil {
		return nil, err
	}
	all := make(map[string]T, len(entries))
	for _, e := range entries {
		var v T
		if err := json.Unmarshal(e.Value, &v); err != nil {
			return nil, fmt.Errorf("read record %s: %w", e.Key, err)
		}
		all[e.Key] = v
	}
	return all, nil
}
