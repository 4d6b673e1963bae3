// Package store is where a controller keeps its state: small values under
// keys, each with a revision, written by compare and swap and watched. The
// controller is its caller; its implementations are Memory, for tests in
// virtual time, and package natskv, which lasts; package storetest is the
// conformance suite that both pass.
//
// A Store may be used concurrently.
package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Store keeps entries. Revisions rise with every change of the whole store,
// also across restarts.
type Store interface {
	// Get returns ErrNotFound for a key that has no value.
	Get(ctx context.Context, key string) (Entry, error)
	// Put writes a value and returns its revision. The key must be at revision
	// expect (0: have no value), else ErrConflict and nothing is written.
	// With a ttl over 0 the entry is deleted not before it and within two
	// seconds after. When Put returns, the value is kept as durably as the
	// store can.
	Put(ctx context.Context, key string, value []byte, expect uint64, ttl time.Duration) (uint64, error)
	// Delete removes a key that is at revision expect, else ErrConflict.
	Delete(ctx context.Context, key string, expect uint64) error
	// List returns the entries below a prefix, in no order.
	List(ctx context.Context, prefix string) ([]Entry, error)
	// Watch sends the changes below a prefix that came after a revision, in
	// order, and then those to come, until ctx ends or the store closes; then
	// the channel is closed. After revision 0 it begins with the present
	// entries. A value overwritten meanwhile may be left out, the last never
	// is. Deletes are remembered for DeletesKept.
	Watch(ctx context.Context, prefix string, after uint64) (<-chan Entry, error)
}

// Entry is a value, or the news of its end.
type Entry struct {
	Key      string
	Value    []byte
	Revision uint64
	Deleted  bool // by Delete or by its ttl; Value is nil
}

// DeletesKept is how long a Watch after an old revision still tells of deletes.
const DeletesKept = time.Hour

// MaxValue is the size in bytes of the largest value.
const MaxValue = 1 << 20

// Errors of a Store.
var (
	ErrNotFound = errors.New("no such key in the store")
	ErrConflict = errors.New("the key was changed meanwhile")
)

// CheckKey says what is wrong with a key: segments of a-z, 0-9, '-', '_' and
// '=', joined by '.'. A prefix is a key whose descendants are meant, or "" for all.
func CheckKey(key string) error {
	for segment := range strings.SplitSeq(key, ".") {
		if segment == "" || strings.ContainsFunc(segment, func(r rune) bool { return !strings.ContainsRune(keyLetters, r) }) {
			return fmt.Errorf("store: %q is not a key", key)
		}
	}
	return nil
}

const keyLetters = "abcdefghijklmnopqrstuvwxyz0123456789-_="

// Below says whether key is a descendant of prefix.
func Below(key, prefix string) bool {
	return prefix == "" || strings.HasPrefix(key, prefix+".")
}
