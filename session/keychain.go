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
	e, v := c.enrolled, c.o.Vault
	c.vault(func(ctx context.Context) func(*core) {
		id, cookie, err := e.secrets(ctx, v)
		return func(c *core) {
			if !c.opening || c.enrolled.Device != e.Device {
				return
			}
			c.opening = false
			if err != nil {
				c.keychainFailed(err)
				return
			}
			c.keychain, c.keyLost, c.asked = KeychainReady, false, true
			c.identity, c.cookie = id, cookie
			c.makeUp()
		}
	})
}

// secrets reads what belongs to the enrolment. A key that is damaged, or
// another's, is as good as none.
func (e Enrolled) secrets(ctx context.Context, v Vault) (Identity, Secret, error) {
	raw, err := v.Get(ctx, e.item(ItemDeviceKey))
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
	cookie, err := v.Get(ctx, e.item(ItemCookie))
	if err != nil && !errors.Is(err, ErrNoSecret) {
		return Identity{}, "", err
	}
	return id, Secret(cookie), nil
}

// retryKeychain tries again what the keychain has not done: give, or keep.
func (c *core) retryKeychain() error {
	switch {
	case !c.enrolled.Enrolled():
	case c.identity.Key == nil:
		c.openKeychain()
	case c.keychain == KeychainLocked || c.keychain == KeychainAbsent:
		return c.keepEverything()
	}
	return nil
}

// makeUp keeps what the keychain did not take earlier, now that it takes something.
func (c *core) makeUp() {
	if !c.unkept {
		return
	}
	if err := c.keepEverything(); err != nil {
		c.o.Log.Error("keep secrets", "error", err)
	}
}

// keepEverything stores key and cookie of all enrolments, as far as they are in memory.
func (c *core) keepEverything() error {
	c.unkept = false
	for _, e := range c.others.resting {
		if h, ok := c.others.held[e.Device]; ok {
			if err := c.keepAll(e, h); err != nil {
				return err
			}
		}
	}
	if c.identity.Key == nil {
		return nil
	}
	return c.keepAll(c.enrolled, held{c.identity, c.cookie})
}

// keepAll stores key and cookie of an enrolment.
func (c *core) keepAll(e Enrolled, h held) error {
	raw, err := x509.MarshalPKCS8PrivateKey(h.identity.Key)
	if err != nil {
		return fmt.Errorf("encode the device key: %w", err)
	}
	c.store(e.item(ItemDeviceKey), raw, nil)
	if h.cookie != "" {
		c.store(e.item(ItemCookie), []byte(h.cookie), nil)
	}
	return nil
}

func (c *core) keychainFailed(err error) {
	c.o.Log.Warn("use keychain", "error", err)
	switch {
	case errors.Is(err, ErrNoSecret):
		c.keychain, c.keyLost = KeychainReady, true
	case errors.Is(err, ErrKeychainAbsent):
		c.keychain = KeychainAbsent
	default:
		c.keychain = KeychainLocked
	}
}

// keep stores a secret; where the keychain fails, the client goes on with it
// in memory and State says so. It is never written anywhere else.
func (c *core) keep(item VaultItem, secret []byte) { c.store(item, secret, c.makeUp) }

// store stores a secret, and calls kept, unless it is nil, once it is.
func (c *core) store(item VaultItem, secret []byte, kept func()) {
	v := c.o.Vault
	c.vault(func(context.Context) func(*core) {
		ctx, cancel := context.WithTimeout(c.last, vaultTime)
		defer cancel()
		err := v.Set(ctx, item, secret)
		return func(c *core) {
			if err != nil {
				c.unkept = true
				c.keychainFailed(err)
				return
			}
			c.keychain = KeychainReady
			if kept != nil {
				kept()
			}
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

func (c *core) forget(item VaultItem) {
	v := c.o.Vault
	c.vault(func(context.Context) func(*core) {
		ctx, cancel := context.WithTimeout(c.last, vaultTime)
		defer cancel()
		if err := v.Delete(ctx, item); err != nil {
			return func(c *core) { c.keychainFailed(err) }
		}
		return nil
	})
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
