package carrier

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go/http3"

	"github.com/tidegate/tidegate/internal/flow"
	"github.com/tidegate/tidegate/internal/wire"
)

// onLanes runs f on each lane.
func onLanes(t *testing.T, f func(t *testing.T, b *bed, c Carrier)) {
	for _, lane := range []Lane{H3, H2} {
		t.Run(string(lane), func(t *testing.T) {
			inBed(t, func(t *testing.T, b *bed) { f(t, b, b.dial(lane)) })
		})
	}
}

func TestMessages(t *testing.T) {
	onLanes(t, func(t *testing.T, b *bed, c Carrier) {
		long := strings.Repeat("x", 100_000) // more than one packet, and than one window of a first flight
		ctx, cancel := context.WithCancel(t.Context())
		events, err := c.Admit(ctx, wire.SessionRequest{ClaimsToken: long})
		if err != nil {
			t.Fatal(err)
		}
		defer events.Close()
		e, err := wire.NewEventReader(events).Next()
		if err != nil || e.Name != "hello" {
			t.Fatalf("event %q, %v", e.Name, err)
		}
		if err := c.Join(t.Context(), wire.SessionRequest{ClaimsToken: "join"}); err != nil {
			t.Error(err)
		}
		if err := c.Renew(t.Context(), wire.SessionRequest{ClaimsToken: "renew"}); err != nil {
			t.Error(err)
		}
		if err := c.Report(t.Context(), wire.DeviceReport{}); err != nil {
			t.Error(err)
		}
		r, err := c.Echo(t.Context(), wire.EchoRequest{Host: "app.internal"})
		if err != nil || r.RTT != wire.Duration(time.Millisecond) {
			t.Errorf("echo: %v, %v", r, err)
		}
		var got []string
		for _, s := range b.far.heard() {
			got = append(got, s.path+" "+s.body.ClaimsToken[:min(5, len(s.body.ClaimsToken))])
		}
		want := "/v1/session xxxxx, /v1/carrier join, /v1/session renew, " + wire.PathDataDevice + " , /v1/echo "
		if strings.Join(got, ", ") != want {
			t.Errorf("the gateway heard %s; want %s", strings.Join(got, ", "), want)
		}
		// The stream ends with its context, and the carrier goes on.
		cancel()
		if _, err := io.ReadAll(events); err == nil {
			t.Error("the events ended in order")
		}
		talk(t, c, "and then")
	})
}

func TestRefusedMessage(t *testing.T) {
	onLanes(t, func(t *testing.T, b *bed, c Carrier) {
		b.far.update(func() {
			b.far.refuse = &wire.Problem{Code: wire.CodeDenied, Status: http.StatusForbidden, Title: "No"}
		})
		_, err := c.Admit(t.Context(), wire.SessionRequest{})
		var p *wire.Problem
		if !errors.As(err, &p) || p.Code != wire.CodeDenied || p.Status != http.StatusForbidden {
			t.Errorf("%v", err)
		}
	})
}

func TestFlow(t *testing.T) {
	onLanes(t, func(t *testing.T, b *bed, c Carrier) {
		h := &flow.Header{ID: flow.NewID(), Epoch: 1}
		s, err := c.Connect(t.Context(), Request{Authority: "app.internal:80", Flow: h})
		if err != nil {
			t.Fatal(err)
		}
		// Before the answer.
		began := time.Now()
		if _, err := io.WriteString(s, "at once"); err != nil || time.Since(began) > 0 {
			t.Fatalf("write: %v after %v", err, time.Since(began))
		}
		a, err := s.Answer()
		if err != nil || a.Decision != "d1" || a.Flow.Received != 7 || a.Flow.ID != h.ID {
			t.Fatalf("answer %+v, %v", a, err)
		}
		got := make([]byte, 7)
		if _, err := io.ReadFull(s, got); err != nil || string(got) != "at once" || time.Since(began) != 2*oneWay {
			t.Fatalf("read %q, %v after %v", got, err, time.Since(began))
		}
		sent := make([]byte, 5<<20)
		rand.Read(sent)
		go func() {
			s.Write(sent)
			s.CloseWrite()
		}()
		back, err := io.ReadAll(s)
		if err != nil || !bytes.Equal(back, sent) {
			t.Errorf("%d bytes came back, %v", len(back), err)
		}
		if st := c.Stats(); st.Sent == 0 || st.Received == 0 || st.BytesSent < 5<<20 || st.BytesReceived < 5<<20 {
			t.Errorf("%+v", st)
		}
	})
}

// One direction may end long before the other.
func TestHalfClose(t *testing.T) {
	onLanes(t, func(t *testing.T, b *bed, c Carrier) {
		b.far.connect = func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusOK)
			http.NewResponseController(w).Flush()
			got, err := io.ReadAll(r.Body)
			if err == nil {
				w.Write(bytes.ToUpper(got))
			}
		}
		s, err := c.Connect(t.Context(), Request{Authority: "a.internal:1"})
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(s, "hello")
		if _, err := s.Answer(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		s.CloseWrite()
		if got, err := io.ReadAll(s); err != nil || string(got) != "HELLO" {
			t.Errorf("%q, %v", got, err)
		}
	})
}

func TestRefusedFlow(t *testing.T) {
	onLanes(t, func(t *testing.T, b *bed, c Carrier) {
		b.far.connect = func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set(wire.HeaderDecision, "d2")
			(&wire.Problem{Code: wire.CodeDenied, Status: http.StatusForbidden, Title: "No"}).Write(w)
		}
		s, err := c.Connect(t.Context(), Request{Authority: "a.internal:1"})
		if err != nil {
			t.Fatal(err)
		}
		var p *wire.Problem
		// Writing on and on ends with the refusal too.
		for n := 0; err == nil && n < 1000; n++ {
			_, err = s.Write(make([]byte, 32<<10))
		}
		if !errors.As(err, &p) && !errors.Is(err, ErrReset) {
			t.Errorf("write: %v", err)
		}
		a, err := s.Answer()
		if !errors.As(err, &p) || p.Code != wire.CodeDenied || a.Decision != "d2" {
			t.Errorf("answer: %+v, %v", a, err)
		}
		if _, err := s.Read(make([]byte, 1)); !errors.As(err, &p) {
			t.Errorf("read: %v", err)
		}
		b.far.connect = nil
		talk(t, c, "others go on")
	})
}

// A gateway that does not know of flows would pass the capsules on.
func TestAnswerWithoutFlow(t *testing.T) {
	for _, header := range []string{"", "nonsense", flow.Header{Epoch: 1}.String()} {
		t.Run(header, func(t *testing.T) {
			onLanes(t, func(t *testing.T, b *bed, c Carrier) {
				b.far.connect = func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set(wire.HeaderFlow, header)
					w.WriteHeader(http.StatusOK)
				}
				s, err := c.Connect(t.Context(), Request{Authority: "a.internal:1", Flow: &flow.Header{ID: flow.NewID(), Epoch: 1}})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := s.Answer(); !errors.Is(err, ErrReset) {
					t.Errorf("%v", err)
				}
			})
		})
	}
}

func TestResetByGateway(t *testing.T) {
	onLanes(t, func(t *testing.T, b *bed, c Carrier) {
		cut := make(chan struct{})
		b.far.connect = func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusOK)
			http.NewResponseController(w).Flush()
			<-cut
			if s, ok := w.(http3.HTTPStreamer); ok {
				str, _ := s.HTTPStream()
				str.CancelRead(0x10b)
				str.CancelWrite(0x10b)
				return
			}
			panic(http.ErrAbortHandler)
		}
		s, err := c.Connect(t.Context(), Request{Authority: "a.internal:1"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Answer(); err != nil {
			t.Fatal(err)
		}
		close(cut)
		if _, err := io.ReadAll(s); !errors.Is(err, ErrReset) {
			t.Errorf("read: %v", err)
		}
		for err == nil { // soon
			_, err = s.Write(make([]byte, 1))
		}
		if !errors.Is(err, ErrReset) {
			t.Errorf("write: %v", err)
		}
		if done(c.Done()) {
			t.Error("the carrier has ended")
		}
	})
}

// Abort unblocks whoever reads and writes, and the gateway's handler.
func TestAbort(t *testing.T) {
	onLanes(t, func(t *testing.T, b *bed, c Carrier) {
		gone := make(chan struct{})
		b.far.connect = func(w http.ResponseWriter, r *http.Request) {
			defer close(gone)
			w.WriteHeader(http.StatusOK)
			http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}
		s, err := c.Connect(t.Context(), Request{Authority: "a.internal:1"})
		if err != nil {
			t.Fatal(err)
		}
		errs := make(chan error, 2)
		go func() { _, err := s.Read(make([]byte, 1)); errs <- err }()
		go func() {
			var err error
			for err == nil { // until the window is used up
				_, err = s.Write(make([]byte, 64<<10))
			}
			errs <- err
		}()
		time.Sleep(time.Minute)
		s.Abort()
		s.Abort()
		for range 2 {
			if err := <-errs; !errors.Is(err, ErrReset) {
				t.Errorf("%v", err)
			}
		}
		<-gone
	})
}

func TestLost(t *testing.T) {
	onLanes(t, func(t *testing.T, b *bed, c Carrier) {
		s := talk(t, c, "hello")
		events, err := c.Admit(t.Context(), wire.SessionRequest{})
		if err != nil {
			t.Fatal(err)
		}
		defer events.Close()
		time.AfterFunc(time.Second, b.far.stop)
		if _, err := io.ReadAll(events); !errors.Is(err, ErrLost) {
			t.Errorf("events: %v", err)
		}
		if _, err := s.Read(make([]byte, 1)); !errors.Is(err, ErrLost) {
			t.Errorf("read: %v", err)
		}
		synctest.Wait()
		if !done(c.Done()) {
			t.Error("the carrier does not know")
		}
		for err = nil; err == nil; {
			_, err = s.Write(make([]byte, 1))
		}
		if !errors.Is(err, ErrLost) {
			t.Errorf("write: %v", err)
		}
		if _, err := c.Connect(t.Context(), Request{Authority: "a.internal:1"}); !errors.Is(err, ErrUnsent) {
			t.Errorf("connect: %v", err)
		}
	})
}

// A carrier that is closed here ends its streams, and says so to the gateway.
func TestClose(t *testing.T) {
	onLanes(t, func(t *testing.T, b *bed, c Carrier) {
		gone := make(chan struct{})
		b.far.connect = func(w http.ResponseWriter, r *http.Request) {
			defer close(gone)
			w.WriteHeader(http.StatusOK)
			http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}
		s, err := c.Connect(t.Context(), Request{Authority: "a.internal:1"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Answer(); err != nil {
			t.Fatal(err)
		}
		c.Close()
		c.Close()
		<-gone
		if _, err := s.Read(make([]byte, 1)); !errors.Is(err, ErrLost) {
			t.Errorf("read: %v", err)
		}
		if !done(c.Done()) {
			t.Error("it is not done")
		}
		if _, err := c.Connect(t.Context(), Request{Authority: "a.internal:1"}); !errors.Is(err, ErrUnsent) {
			t.Errorf("connect: %v", err)
		}
	})
}

// Nothing is sent on a quiet carrier, for hours.
func TestQuiet(t *testing.T) {
	onLanes(t, func(t *testing.T, b *bed, c Carrier) {
		s := talk(t, c, "hello")
		time.Sleep(time.Minute) // what QUIC finds out about the path
		synctest.Wait()
		before := c.Stats()
		time.Sleep(12 * time.Hour)
		synctest.Wait()
		if after := c.Stats(); after.Sent != before.Sent || after.Received != before.Received {
			t.Errorf("%d packets were sent and %d came", after.Sent-before.Sent, after.Received-before.Received)
		}
		say(t, s, "still here")
	})
}
