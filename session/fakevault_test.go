package session

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
)

// fakeVault is a keychain in memory; err makes every use fail.
type fakeVault struct {
	mu    sync.Mutex
	items map[VaultItem]string
	err   error
	asked int // how often it was used while err stood
	wrote func(map[VaultItem]string)
	opens chan struct{} // nil: it never opens by itself
}

func (v *fakeVault) Opened(ctx context.Context) error {
	select {
	case <-v.opens:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// change changes what is kept.
func (v *fakeVault) change(how func()) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := v.fails(); err != nil {
		return err
	}
	how()
	if v.wrote != nil {
		v.wrote(v.items)
	}
	return nil
}

// fails notes that it is used, and says whether in vain.
func (v *fakeVault) fails() error {
	if v.err != nil {
		v.asked++
	}
	return v.err
}

func (v *fakeVault) Get(_ context.Context, i VaultItem) ([]byte, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := v.fails(); err != nil {
		return nil, err
	}
	s, ok := v.items[i]
	if !ok {
		return nil, ErrNoSecret
	}
	return []byte(s), nil
}

func (v *fakeVault) Set(_ context.Context, i VaultItem, b []byte) error {
	return v.change(func() { v.items[i] = string(b) })
}

func (v *fakeVault) Delete(_ context.Context, i VaultItem) error {
	return v.change(func() { delete(v.items, i) })
}

// inVain is how often it was used in vain since the last call.
func (v *fakeVault) inVain() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	n := v.asked
	v.asked = 0
	return n
}

// set has every use fail, or none any more.
func (v *fakeVault) set(err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.err = err
}

func (v *fakeVault) has(i VaultItem) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	_, ok := v.items[i]
	return ok
}

// names are those of what is kept, in order.
func (v *fakeVault) names() (all []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for i := range v.items {
		all = append(all, string(i))
	}
	slices.Sort(all)
	return all
}

// slowVault is a keychain that waits for its user: nothing is answered before
// release is closed or the caller's patience has ended.
type slowVault struct {
	fakeVault
	release chan struct{}
	asked   atomic.Int64 // how often for an item
}

func (v *slowVault) wait(ctx context.Context) error {
	select {
	case <-v.release:
		return nil
	case <-ctx.Done():
		return ErrKeychainLocked
	}
}

func (v *slowVault) Get(ctx context.Context, i VaultItem) ([]byte, error) {
	v.asked.Add(1)
	b, err := v.fakeVault.Get(ctx, i) // as it was when it was asked
	if werr := v.wait(ctx); werr != nil {
		return nil, werr
	}
	return b, err
}

func (v *slowVault) Set(ctx context.Context, i VaultItem, b []byte) error {
	if err := v.wait(ctx); err != nil {
		return err
	}
	return v.fakeVault.Set(ctx, i, b)
}
