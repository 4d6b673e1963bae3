package session

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"
)

const (
	// vaultTime bounds one use of the keychain; an unlock dialog of the desktop
	// fits in it.
	vaultTime = 2 * time.Minute
	// vaultGrace is what is left of it once the client is ending: a busy machine needs
	// seconds, and a cookie that was not kept has the user sign in again.
	vaultGrace = 5 * time.Second
)

// vault queues one use of the keychain: they run one after another, in order,
// and a write that was begun is finished even if the client is quitting.
func (c *core) vault(use func(context.Context) func(*core)) {
	before, after := c.vaultTail, make(chan struct{})
	c.vaultTail = after
	c.run(func(ctx context.Context) func(*core) {
		defer close(after)
		if before != nil {
			<-before
		}
		ctx, cancel := context.WithTimeout(ctx, vaultTime)
		defer cancel()
		return use(ctx)
	})
}

// openKeychain fetches the device key and the cookie of the enrolment, once at
// a time. What comes after another enrolment is not taken any more.
func (c *core) openKeychain() {
	if c.opening {
		return
	}
	c.asked, c.opening = false, true
	e, v, gone := c.enrolled, c.o.Vault, c.others.due()
	c.vault(func(ctx context.Context) func(*core) {
		id, cookie, err := e.secrets(ctx, v, gone)
		return func(c *core) {
			if !c.opening || c.enrolled.Device != e.Device {
				return
			}
			c.opening = false
			if err != nil {
				if c.keychainFailed(err); c.keychain == KeychainReady {
					c.purge()
				}
				return
			}
			c.keychain, c.keyLost, c.asked = KeychainReady, false, true
			c.identity, c.cookie = id, cookie
			c.makeUp()
		}
	})
}

// secrets reads what belongs to the enrolment, and is not gone. A key that is damaged,
// or another's, is as good as none.
func (e Enrolled) secrets(ctx context.Context, v Vault, gone []VaultItem) (Identity, Secret, error) {
	get := func(i VaultItem) ([]byte, error) {
		if slices.Contains(gone, i) {
			return nil, ErrNoSecret
		}
		return v.Get(ctx, i)
	}
	raw, err := get(e.item(ItemDeviceKey))
	if err != nil {
		return Identity{}, "", err
	}
	key, err := x509.ParsePKCS8PrivateKey(raw)
	signer, ok := key.(crypto.Signer)
	if err != nil || !ok {
		return Identity{}, "", ErrNoSecret
	}
	id, err := e.identity(signer)
	if err != nil {
		return Identity{}, "", ErrNoSecret
	}
	cookie, err := get(e.item(ItemCookie))
	if err != nil && !errors.Is(err, ErrNoSecret) {
		return Identity{}, "", err
	}
	return id, Secret(cookie), nil
}

// retryKeychain tries again what was not saved, and what the keychain has not done:
// give, keep, or remove.
func (c *core) retryKeychain() error {
	if c.others.unsaved {
		if err := c.saveEnrolments(c.kept()); err != nil {
			c.launch = unsavedWords(err)
			return err
		}
	}
	shut := c.keychain == KeychainLocked || c.keychain == KeychainAbsent
	switch {
	case !c.enrolled.Enrolled():
	case c.identity.Key == nil:
		c.openKeychain()
		return nil // who removes what is gone
	case shut && (c.unkept || len(c.others.gone) == 0):
		return c.keepEverything() // whose first success removes what is gone
	}
	c.purge()
	return nil
}

// makeUp has the keychain do what it did not earlier, now that it does something.
func (c *core) makeUp() {
	c.purge()
	if !c.unkept {
		return
	}
	if err := c.keepEverything(); err != nil {
		c.o.Log.Error("keep secrets", "error", err)
	}
}

// keepEverything stores key and cookie of all enrolments, as far as they are in memory.
// Where the keychain takes one not, it is not asked for the others: each may ask the user.
func (c *core) keepEverything() error {
	c.unkept = false
	var failed error // of the first that did; the queue's
	keep := func(e Enrolled, h held) error { return c.keepAll(e, h, &failed) }
	for _, e := range c.others.resting {
		if h, ok := c.others.held[e.Device]; ok {
			if err := keep(e, h); err != nil {
				return err
			}
		}
	}
	if c.identity.Key == nil {
		return nil
	}
	return keep(c.enrolled, held{c.identity, c.cookie})
}

// keepAll stores key and cookie of an enrolment, as store does.
func (c *core) keepAll(e Enrolled, h held, failed *error) error {
	raw, err := x509.MarshalPKCS8PrivateKey(h.identity.Key)
	if err != nil {
		return fmt.Errorf("encode the device key: %w", err)
	}
	c.store(e.item(ItemDeviceKey), raw, failed, c.purge)
	if h.cookie != "" {
		c.store(e.item(ItemCookie), []byte(h.cookie), failed, c.purge)
	}
	return nil
}

func (c *core) keychainFailed(err error) {
	c.o.Log.Warn("use keychain", "error", err)
	switch {
	case errors.Is(err, ErrNoSecret):
		c.keychain, c.keyLost = KeychainReady, true
		return
	case errors.Is(err, ErrKeychainAbsent):
		c.keychain = KeychainAbsent
	default:
		c.keychain = KeychainLocked
	}
	c.awaitKeychain()
}

// awaitKeychain tries again when the keychain opens: who unlocks it for another program,
// or signs in to the desktop after us, is not to be asked to do it for us as well.
func (c *core) awaitKeychain() {
	if c.awaiting {
		return
	}
	c.awaiting = true
	v := c.o.Vault
	c.run(func(ctx context.Context) func(*core) {
		err := v.Opened(ctx)
		return func(c *core) {
			c.awaiting = false
			if err != nil || c.keychain != KeychainLocked && c.keychain != KeychainAbsent {
				return
			}
			if err := c.retryKeychain(); err != nil {
				c.o.Log.Error("use the keychain, which has opened", "error", err)
			}
		}
	})
}

// keep stores a secret; where the keychain fails, the client goes on with it
// in memory and State says so. It is never written anywhere else.
func (c *core) keep(item VaultItem, secret []byte) { c.store(item, secret, new(error), c.makeUp) }

// store stores a secret, and calls kept once it is. Of those that share failed none is
// tried after one that failed.
func (c *core) store(item VaultItem, secret []byte, failed *error, kept func()) {
	if c.others.unsaved {
		c.unkept = true
		return
	}
	if c.others.storing == nil {
		c.others.storing = map[VaultItem]int{}
	}
	c.others.storing[item]++
	v, anew := c.o.Vault, slices.Contains(c.others.gone, item)
	c.vault(func(context.Context) func(*core) {
		ctx, cancel := context.WithTimeout(c.last, vaultTime)
		defer cancel()
		if *failed == nil {
			*failed = v.Set(ctx, item, secret)
		}
		err := *failed
		return func(c *core) {
			c.others.storing[item]--
			if err != nil {
				c.unkept = true
				c.keychainFailed(err)
				return
			}
			c.keychain = KeychainReady
			if anew {
				c.away([]VaultItem{item})
			}
			kept()
		}
	})
}

// lasting is a context for writes: it outlives the end of the client by a moment, all
// of them together.
func lasting(ctx context.Context) (last context.Context, end func()) {
	last, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		grace := time.NewTimer(vaultGrace)
		defer grace.Stop()
		select {
		case <-grace.C:
			cancel()
		case <-last.Done():
		}
	})
	return last, func() { stop(); cancel() }
}

// forget removes a secret, which is noted only where the keychain fails: the controller
// is told as well.
func (c *core) forget(item VaultItem) {
	c.others.gone = condemned(c.others.gone, item)
	c.remove([]VaultItem{item}, nil)
}

func newDeviceKey() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }

// identity joins what was kept with the device key, which must be the
// certificate's.
func (e Enrolled) identity(key crypto.Signer) (Identity, error) {
	id := Identity{Device: e.Device, Key: key}
	for rest := []byte(e.Certificate); ; {
		var b *pem.Block
		if b, rest = pem.Decode(rest); b == nil {
			break
		}
		id.Certificate = append(id.Certificate, b.Bytes)
	}
	ca, _ := pem.Decode([]byte(e.CA))
	if len(id.Certificate) == 0 || ca == nil {
		return Identity{}, fmt.Errorf("the enrolment is damaged")
	}
	id.CA = ca.Bytes
	leaf, err := x509.ParseCertificate(id.Certificate[0])
	if err != nil {
		return Identity{}, fmt.Errorf("the device certificate is damaged: %w", err)
	}
	pub, ok := leaf.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !pub.Equal(key.Public()) {
		return Identity{}, fmt.Errorf("the device key is not the certificate's")
	}
	return id, nil
}
