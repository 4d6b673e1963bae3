package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// Source is the session that a Server lets others see and command.
type Source interface {
	Watch(ctx context.Context) iter.Seq[session.State]
	Do(ctx context.Context, cmd session.Command) error
}

// Options make a Server. Source is needed.
type Options struct {
	Source Source
	// Devices carries the devices of `tidegate run`; nil: they are refused.
	Devices Devices
	// Lookups says who answers for a name; nil: nobody can say.
	Lookups Lookups
	// Histories says what happened; nil: the state alone does.
	Histories Histories
	// Diagnoser finds out what is wrong; nil: nobody can.
	Diagnoser Diagnoser
	// Log is for the developer; nil is silent.
	Log *slog.Logger
}

// drain is how long running requests get to end by themselves.
const drain = time.Second

// Server answers on an instance's socket.
type Server struct {
	o   Options
	uid int // of whoever may connect
	// running is held for reading by each request, and for good by the end of Run.
	running sync.RWMutex
	carried chan struct{} // holds one for each device
}

// NewServer makes a Server; Run serves.
func NewServer(o Options) *Server {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Server{o: o, uid: os.Getuid(), carried: make(chan struct{}, maxDevices)}
}

// Run serves until ctx ends and returns nil then, with no request left
// running. The instance stays claimed. Once only.
func (s *Server) Run(ctx context.Context, i *Instance) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	srv := &http.Server{
		Handler:           s.handler(),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: 5 * time.Second,
		MaxHeaderBytes:    8 << 10,
		ErrorLog:          slog.NewLogLogger(s.o.Log.Handler(), slog.LevelDebug),
	}
	served := make(chan error, 1)
	go func() {
		served <- srv.Serve(&ownListener{i.listen, s.uid, make(chan struct{}, maxConns), s.o.Log})
	}()
	var err error
	select {
	case err = <-served:
		err = fmt.Errorf("serve local socket: %w", err)
	case <-ctx.Done():
		stop, done := context.WithTimeout(context.WithoutCancel(ctx), drain)
		srv.Shutdown(stop) // streams end with ctx; what is stuck is cut below
		done()
	}
	cancel()
	srv.Close()
	s.running.Lock()
	return err
}

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+pathState, s.state)
	mux.HandleFunc("GET "+pathStates, s.states)
	mux.HandleFunc("POST "+pathCommands, s.commands)
	mux.HandleFunc("POST "+pathDevices, s.devices)
	mux.HandleFunc("GET "+pathLookup, s.lookup)
	mux.HandleFunc("GET "+pathHistory, s.history)
	mux.HandleFunc("GET "+pathDiagnosis, s.diagnosis)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.running.TryRLock() {
			return
		}
		defer s.running.RUnlock()
		mux.ServeHTTP(w, r)
	})
}

func (s *Server) state(w http.ResponseWriter, r *http.Request) {
	for st := range s.o.Source.Watch(r.Context()) {
		wire.WriteJSON(w, http.StatusOK, st)
		return
	}
	shuttingDown(w)
}

func shuttingDown(w http.ResponseWriter) {
	(&wire.Problem{Code: wire.CodeOverload, Status: http.StatusServiceUnavailable, Title: "Tidegate is shutting down"}).Write(w)
}

// states writes each state that the reader is quick enough for: while it does
// not read, this handler alone waits, and the source skips.
func (s *Server) states(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	flush := http.NewResponseController(w)
	for st := range s.o.Source.Watch(r.Context()) {
		e, err := wire.NewEvent(strconv.FormatUint(st.Revision, 10), eventState, st)
		if err != nil {
			s.o.Log.Error("write state", "error", err)
			return
		}
		if _, err := e.WriteTo(w); err != nil {
			return // the reader has gone
		}
		if flush.Flush() != nil {
			return
		}
	}
}

func (s *Server) commands(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxCommand))
	if err != nil {
		badRequest(w, "the command is too large or was cut off")
		return
	}
	cmd, err := session.DecodeCommand(body)
	if err != nil {
		// Not the error: it may quote what was meant to be secret.
		badRequest(w, "the Tidegate that runs does not know that command: it is of another version; end it with `tidegate quit`, and start it again")
		return
	}
	if err := s.o.Source.Do(r.Context(), cmd); err != nil {
		if r.Context().Err() != nil || errors.Is(err, session.ErrEnded) { // whose end is ours in a moment
			shuttingDown(w)
			return
		}
		var p *wire.Problem
		if !errors.As(err, &p) {
			p = &wire.Problem{Code: wire.CodeDenied, Status: http.StatusConflict, Title: err.Error()}
		}
		p.Write(w)
		return
	}
	wire.WriteJSON(w, http.StatusOK, struct {
		OK bool `json:"ok"`
	}{true})
}

func badRequest(w http.ResponseWriter, title string) {
	(&wire.Problem{Code: wire.CodeBadRequest, Status: http.StatusBadRequest, Title: title}).Write(w)
}
