package controller

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/tidegate/tidegate/internal/controller/config"
)

// configDigest names all of a configuration that sessions are made from. Where
// the controller listens and keeps its state is not in it, nor are secrets.
func configDigest(conf *config.Config) (string, error) {
	v := *conf
	v.Listen, v.PublicAddress, v.StateDir, v.Digest = "", "", "", ""
	v.Users = map[string]*config.User{}
	for name, u := range conf.Users {
		w := *u
		w.TOTP, w.Password = "", config.PasswordHash{}
		v.Users[name] = &w
	}
	v.Gateways = map[string]*config.Gateway{}
	for name, g := range conf.Gateways {
		w := *g
		w.Enrolment = ""
		v.Gateways[name] = &w
	}
	b, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("digest of configuration: %w", err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), nil
}

// moves is the part of a revision in tokens that rises where a client's move voids
// its entitlement tokens. A gateway goes by the older of a session's two tokens,
// and a claims token does not grow old by a move: there it is all ones.
const moves = 1<<24 - 1

// inTokens is a policy revision as tokens carry it.
func inTokens(revision uint64) uint64 { return revision * (moves + 1) }

// configRevision is the policy revision of a configuration that a controller
// starts with: epoch, or that of the controller before it where nothing has
// changed, so that tokens outlive a restart.
func (c *Controller) configRevision(ctx context.Context, conf *config.Config, epoch uint64) (uint64, error) {
	digest, err := configDigest(conf)
	if err != nil {
		return 0, err
	}
	v, err := records[configRecord]{c.store}.change(ctx, configKey, nil, func(v *configRecord) error {
		if v.Digest == digest {
			return errKeep
		}
		*v = configRecord{Digest: digest, Revision: epoch}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("configuration's revision: %w", err)
	}
	return v.Revision, nil
}

// keepConfig notes the revision of a configuration that replaces another.
func (c *Controller) keepConfig(ctx context.Context, conf *config.Config, revision uint64) error {
	digest, err := configDigest(conf)
	if err != nil {
		return err
	}
	_, err = records[configRecord]{c.store}.change(ctx, configKey, nil, func(v *configRecord) error {
		*v = configRecord{Digest: digest, Revision: max(revision, v.Revision)}
		return nil
	})
	if err != nil {
		return fmt.Errorf("configuration's revision: %w", err)
	}
	return nil
}
