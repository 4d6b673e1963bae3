package controller

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// newCookie makes a cookie's value: 256 bits.
func newCookie() string {
	var b [32]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// sessionKey is the key of a cookie's session: its hash, so that whoever reads
// the store cannot use what is in it.
func sessionKey(cookie string) string {
	sum := sha256.Sum256([]byte(cookie))
	return recordKey(kindSession, hex.EncodeToString(sum[:]))
}

func setCookie(w http.ResponseWriter, value string, expires time.Time) {
	ck := &http.Cookie{Name: wire.CookieName, Value: value, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode, Expires: expires}
	if value == "" {
		ck.MaxAge = -1
	}
	http.SetCookie(w, ck)
}
