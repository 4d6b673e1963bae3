// Package natskv is the store that lasts: an embedded NATS JetStream
// key-value bucket, each write on the disk before it is acknowledged, reached
// in process with no port opened. The controller's command opens one and hands
// it to the controller's library. It is as concurrent as store.Store demands.
package natskv

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/tidegate/tidegate/internal/controller/store"
)

const bucket = "controller"

// Options say where the store is.
type Options struct {
	// Dir is the state directory; made with mode 0700.
	Dir string
	// Logger takes what the server says; nil drops it.
	Logger *slog.Logger
}

// Store implements store.Store. Open makes one.
type Store struct {
	server *server.Server
	conn   *nats.Conn
	js     jetstream.JetStream
	kv     jetstream.KeyValue
	lock   *os.File
}

// Open starts the embedded server on a directory, which it locks against a
// second process. Whoever opens closes.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	s := &Store{}
	var err error
	if s.lock, err = lock(filepath.Join(o.Dir, "lock")); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if err := s.start(ctx, o); err != nil {
		return nil, errors.Join(fmt.Errorf("open store %s: %w", o.Dir, err), s.Close())
	}
	return s, nil
}

func (s *Store) start(ctx context.Context, o Options) error {
	var err error
	s.server, err = server.NewServer(&server.Options{
		ServerName: "tidegate",
		DontListen: true,
		JetStream:  true,
		StoreDir:   filepath.Join(o.Dir, "nats"),
		SyncAlways: true,
		NoSigs:     true,
	})
	if err != nil {
		return err
	}
	s.server.SetLoggerV2(logger{o.Logger}, false, false, false)
	s.server.Start()
	if !s.server.ReadyForConnections(30 * time.Second) {
		return fmt.Errorf("the embedded server did not start within 30 s; see its log")
	}
	if s.conn, err = nats.Connect("", nats.InProcessServer(s.server), nats.Name("controller")); err != nil {
		return err
	}
	if s.js, err = jetstream.New(s.conn); err != nil {
		return err
	}
	s.kv, err = s.js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{
		Bucket:         bucket,
		MaxValueSize:   store.MaxValue,
		LimitMarkerTTL: store.DeletesKept,
	})
	return err
}

// Close stops the server and waits until it has ended; watches end with it.
func (s *Store) Close() error {
	if s.conn != nil {
		s.conn.Close()
	}
	if s.server != nil {
		s.server.Shutdown()
		s.server.WaitForShutdown()
	}
	return s.lock.Close()
}

// Get implements store.Store.
func (s *Store) Get(ctx context.Context, key string) (store.Entry, error) {
	if err := store.CheckKey(key); err != nil {
		return store.Entry{}, err
	}
	e, err := s.kv.Get(ctx, key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return store.Entry{}, store.ErrNotFound
	}
	if err != nil {
		return store.Entry{}, fmt.Errorf("store get %s: %w", key, err)
	}
	return entry(e), nil
}

// Put implements store.Store.
func (s *Store) Put(ctx context.Context, key string, value []byte, expect uint64, ttl time.Duration) (uint64, error) {
	if err := store.CheckKey(key); err != nil {
		return 0, err
	}
	if ttl > 0 {
		ttl = (ttl + time.Second - 1).Truncate(time.Second) // what NATS counts in
	}
	var revision uint64
	var err error
	if expect == 0 {
		var opts []jetstream.KVCreateOpt
		if ttl > 0 {
			opts = append(opts, jetstream.KeyTTL(ttl))
		}
		revision, err = s.kv.Create(ctx, key, value, opts...)
	} else {
		revision, err = s.update(ctx, key, value, expect, ttl)
	}
	if conflict(err) {
		return 0, store.ErrConflict
	}
	if err != nil {
		return 0, fmt.Errorf("store put %s: %w", key, err)
	}
	return revision, nil
}

// update is KeyValue.Update, which knows no TTL.
func (s *Store) update(ctx context.Context, key string, value []byte, expect uint64, ttl time.Duration) (uint64, error) {
	opts := []jetstream.PublishOpt{jetstream.WithExpectLastSequencePerSubject(expect)}
	if ttl > 0 {
		opts = append(opts, jetstream.WithMsgTTL(ttl))
	}
	ack, err := s.js.Publish(ctx, "$KV."+bucket+"."+key, value, opts...)
	if err != nil {
		return 0, err
	}
	return ack.Sequence, nil
}

// Delete implements store.Store.
func (s *Store) Delete(ctx context.Context, key string, expect uint64) error {
	if err := store.CheckKey(key); err != nil {
		return err
	}
	if expect == 0 {
		return store.ErrConflict
	}
	err := s.kv.Purge(ctx, key, jetstream.LastRevision(expect), jetstream.PurgeTTL(store.DeletesKept))
	if conflict(err) {
		return store.ErrConflict
	}
	if err != nil {
		return fmt.Errorf("store delete %s: %w", key, err)
	}
	return nil
}

func conflict(err error) bool {
	var api *jetstream.APIError
	return errors.Is(err, jetstream.ErrKeyExists) || errors.Is(err, jetstream.ErrKeyRevisionMismatch) ||
		errors.As(err, &api) && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence
}

// List implements store.Store.
func (s *Store) List(ctx context.Context, prefix string) ([]store.Entry, error) {
	w, err := s.kv.Watch(ctx, below(prefix), jetstream.IgnoreDeletes())
	if err != nil {
		return nil, fmt.Errorf("store list %s: %w", prefix, err)
	}
	defer w.Stop()
	var entries []store.Entry
	for {
		select {
		case e, ok := <-w.Updates():
			if !ok {
				return nil, fmt.Errorf("store list %s: the store has closed", prefix)
			}
			if e == nil {
				return entries, nil
			}
			entries = append(entries, entry(e))
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func below(prefix string) string {
	if prefix == "" {
		return ">"
	}
	return prefix + ".>"
}

func entry(e jetstream.KeyValueEntry) store.Entry {
	if e.Operation() != jetstream.KeyValuePut {
		return store.Entry{Key: e.Key(), Revision: e.Revision(), Deleted: true}
	}
	return store.Entry{Key: e.Key(), Value: e.Value(), Revision: e.Revision()}
}
