package config

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// PasswordHash is an argon2id hash with its parameters (RFC 9106).
type PasswordHash struct {
	memory, time uint32 // KiB, passes
	threads      uint8
	salt, sum    []byte
}

// The parameters of new hashes: OWASP's for argon2id.
const (
	hashMemory  = 19 * 1024
	hashTime    = 2
	hashThreads = 1
)

// HashPassword returns the argon2id hash of a password as a PHC string, as a
// User's password stands in the configuration.
func HashPassword(password string) string {
	return newHash(password, randomSalt()).String()
}

func randomSalt() []byte {
	salt := make([]byte, 16)
	rand.Read(salt)
	return salt
}

func newHash(password string, salt []byte) PasswordHash {
	h := PasswordHash{memory: hashMemory, time: hashTime, threads: hashThreads, salt: salt, sum: make([]byte, 32)}
	h.sum = h.compute(password)
	return h
}

// String writes h as a PHC string.
func (h PasswordHash) String() string {
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.memory, h.time, h.threads, b64(h.salt), b64(h.sum))
}

var errHash = errors.New("is not an argon2id hash ($argon2id$v=19$m=...,t=...,p=...$salt$hash)")

// parseHash reads a PHC string with parameters that are neither weak nor a
// burden: m from 8 MiB to 1 GiB, t and p up to 16.
func parseHash(s string) (PasswordHash, error) {
	var h PasswordHash
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return h, errHash
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &h.memory, &h.time, &h.threads); err != nil || parts[3] != fmt.Sprintf("m=%d,t=%d,p=%d", h.memory, h.time, h.threads) {
		return h, errHash
	}
	if h.memory < 8<<10 || h.memory > 1<<20 || h.time < 1 || h.time > 16 || h.threads < 1 || h.threads > 16 {
		return h, fmt.Errorf("its parameters %s are too weak or too dear (m from 8192 to 1048576, t and p from 1 to 16)", parts[3])
	}
	var err1, err2 error
	h.salt, err1 = base64.RawStdEncoding.Strict().DecodeString(parts[4])
	h.sum, err2 = base64.RawStdEncoding.Strict().DecodeString(parts[5])
	if err1 != nil || err2 != nil || len(h.salt) < 8 || len(h.salt) > 64 || len(h.sum) < 16 || len(h.sum) > 64 {
		return h, errHash
	}
	return h, nil
}

// Matches says whether it is the hash of password, in constant time.
func (h PasswordHash) Matches(password string) bool {
	return subtle.ConstantTimeCompare(h.compute(password), h.sum) == 1
}

// UnknownHash is the hash of a password that nobody knows, as costly to try as
// any new one.
func UnknownHash() PasswordHash {
	h := newHash("", randomSalt())
	rand.Read(h.sum)
	return h
}

func (h PasswordHash) compute(password string) []byte {
	return argon2.IDKey([]byte(password), h.salt, h.time, h.memory, h.threads, uint32(len(h.sum)))
}
