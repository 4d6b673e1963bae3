package controller

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/tidegate/tidegate/internal/controller/config"
	"github.com/tidegate/tidegate/internal/wire"
)

// access is what a user's tokens are good for: all of a configuration that a
// gateway judges by. What is only shown is not in it.
type access struct {
	Groups []string
	Rights map[wire.EntitlementID]right
}

type right struct {
	Site       wire.SiteID
	Actions    []wire.Action
	Conditions []wire.Condition
}

// accessOf is the access of a user who is assigned policies.
func accessOf(c *config.Config, u *config.User, policies []string) access {
	a := access{Groups: slices.Sorted(slices.Values(u.Groups)), Rights: map[wire.EntitlementID]right{}}
	for site, list := range c.EntitledBy(policies) {
		for _, e := range list {
			a.Rights[e.ID] = right{site, e.Actions, e.Conditions}
		}
	}
	return a
}

// digest names an access in a session's record.
func (a access) digest() (string, error) {
	b, err := json.Marshal(a)
	if err != nil {
		return "", fmt.Errorf("digest of access: %w", err)
	}
	sum := sha256.Sum256(b)
	return base64.RawURLEncoding.EncodeToString(sum[:]), nil
}

// keeps says whether whoever had the access before lost nothing by getting a:
// it may hold more entitlements. Other groups may fail a criterion, and a
// changed entitlement may be a narrower one.
func (a access) keeps(before access) bool {
	if !slices.Equal(a.Groups, before.Groups) {
		return false
	}
	for id, r := range before.Rights {
		if !reflect.DeepEqual(a.Rights[id], r) {
			return false
		}
	}
	return true
}

// readsAddress says whether what is judged by an access may depend on where the
// client is: by a condition's criteria, or by a script, which may read anything.
func readsAddress(c *config.Config, a access) bool {
	for _, r := range a.Rights {
		if slices.ContainsFunc(r.Actions, func(a wire.Action) bool { return a.Script != "" }) {
			return true
		}
		for _, w := range r.Conditions {
			known := c.Conditions[w.ID]
			if known == nil || known.Compiled == nil || slices.ContainsFunc(known.Compiled.Names(), func(name string) bool {
				return name == "system.address" || strings.HasPrefix(name, "scripts.")
			}) {
				return true
			}
		}
	}
	return false
}

// voidTokens notes, in the live sessions of users who have lost something, that
// tokens older than the present configuration are void; gateways hear of it with
// the next policy. before is the configuration that the present one replaces:
// without it, as after a restart, every change counts as a loss.
func (c *Controller) voidTokens(ctx context.Context, before *config.Config) error {
	all, err := c.sessions().list(ctx, kindSession)
	if err != nil {
		return fmt.Errorf("void tokens: %w", err)
	}
	conf := c.conf.Load()
	for key, s := range all {
		u := conf.Users[s.User]
		if s.Ended != "" || u == nil {
			continue
		}
		now, err := accessOf(conf.Config, u, assigned(conf.Config, u, &s)).digest()
		if err != nil {
			return err
		}
		if now == s.Access { // most are, and cost no write
			continue
		}
		if _, err := c.compare(ctx, key, before); err != nil {
			return fmt.Errorf("void tokens: %w", err)
		}
	}
	return nil
}

// compare is voidTokens for one session; it says whether its tokens are void.
func (c *Controller) compare(ctx context.Context, key string, before *config.Config) (void bool, err error) {
	s, err := c.sessions().change(ctx, key, sessionTTL, func(v *sessionRecord) error {
		void = false
		conf := c.conf.Load()
		u := conf.Users[v.User]
		if v.ID == "" || v.Ended != "" || u == nil {
			return errKeep
		}
		now := accessOf(conf.Config, u, assigned(conf.Config, u, v))
		digest, err := now.digest()
		if err != nil {
			return err
		}
		if digest == v.Access {
			return errKeep
		}
		kept, err := keptBy(before, now, *v)
		if err != nil {
			return err
		}
		v.Access = digest
		if void = !kept; void {
			v.Renew = max(v.Renew, conf.revision)
		}
		return nil
	})
	if err == nil && void {
		c.audit(record{kind: "tokens-void", session: s.ID, user: s.User, target: string(s.Device)})
	}
	return void, err
}

// keptBy says whether a session that had its access from c loses nothing by the
// new one; whatever is not certain is a loss.
func keptBy(c *config.Config, now access, s sessionRecord) (bool, error) {
	if c == nil || c.Users[s.User] == nil {
		return false, nil
	}
	was := accessOf(c, c.Users[s.User], assigned(c, c.Users[s.User], &s))
	digest, err := was.digest()
	return err == nil && digest == s.Access && now.keeps(was), err
}
