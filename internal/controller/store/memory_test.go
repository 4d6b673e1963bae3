package store_test

import (
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"github.com/tidegate/tidegate/internal/controller/store"
	"github.com/tidegate/tidegate/internal/controller/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMemory(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return &store.Memory{} })
}

func TestMemoryInVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &store.Memory{}
		changes, err := s.Watch(t.Context(), "", 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Put(t.Context(), "a", nil, 0, 24*60*60e9); err != nil {
			t.Fatal(err)
		}
		if e := <-changes; e.Deleted {
			t.Fatal("gone at once")
		}
		if e := <-changes; !e.Deleted {
			t.Fatal("not gone after its day")
		}
	})
}
