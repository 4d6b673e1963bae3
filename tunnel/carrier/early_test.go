package carrier

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidegate/tidegate/internal/flow"
	"github.com/tidegate/tidegate/internal/wire"
)

// warm has the dialer get a ticket.
func (b *bed) warm() {
	b.t.Helper()
	c := b.dial(H3)
	talk(b.t, c, "hello")
	synctest.Wait()
	c.Close()
}

func TestFirstFlightIsEarly(t *testing.T) {
	inBed(t, func(t *testing.T, b *bed) {
		b.warm()
		began := time.Now()
		c := b.dial("")
		if c.Lane() != H3 || time.Since(began) != 0 || done(c.Secured()) {
			t.Fatalf("%s after %v", c.Lane(), time.Since(began))
		}
		admitted := make(chan error, 1)
		go func() {
			body, err := c.Admit(t.Context(), wire.SessionRequest{ClaimsToken: "tokens"})
			if err == nil {
				defer body.Close()
				_, err = wire.NewEventReader(body).Next()
			}
			admitted <- err
		}()
		joined := make(chan error, 1)
		go func() { joined <- c.Join(t.Context(), wire.SessionRequest{ClaimsToken: "tokens"}) }()
		talk(t, c, "hello")
		if took := time.Since(began); took != 2*oneWay {
			t.Errorf("the first byte came after %v, want one round trip", took)
		}
		if err := <-admitted; err != nil {
			t.Errorf("admit: %v", err)
		}
		if err := <-joined; err != nil {
			t.Errorf("join: %v", err)
		}
		if !done(c.Secured()) {
			t.Error("it is not secured")
		}
		for _, s := range b.far.heard()[1:] {
			if !s.early {
				t.Errorf("%s was not early", s.path)
			}
		}
	})
}

// What changes something is not sent where it might be replayed, nor is a flow
// that goes on.
func TestNotEarly(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(t *testing.T, c Carrier) error
	}{
		{"renew", func(t *testing.T, c Carrier) error { return c.Renew(t.Context(), wire.SessionRequest{}) }},
		{"report", func(t *testing.T, c Carrier) error { return c.Report(t.Context(), wire.DeviceReport{}) }},
		{"echo", func(t *testing.T, c Carrier) error {
			_, err := c.Echo(t.Context(), wire.EchoRequest{Host: "a"})
			return err
		}},
		{"a flow's second attachment", func(t *testing.T, c Carrier) error {
			s, err := c.Connect(t.Context(), Request{Authority: "a:1", Flow: &flow.Header{ID: flow.NewID(), Epoch: 2}})
			if err == nil {
				_, err = s.Answer()
			}
			return err
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBed(t, func(t *testing.T, b *bed) {
				b.warm()
				c := b.dial(H3)
				if done(c.Secured()) {
					t.Fatal("there was no ticket")
				}
				if err := tt.do(t, c); err != nil {
					t.Fatal(err)
				}
				if h := b.far.heard(); len(h) != 2 || h[1].early {
					t.Errorf("the gateway heard %+v", h)
				}
			})
		})
	}
}

func TestTicketIsUsedOnce(t *testing.T) {
	inBed(t, func(t *testing.T, b *bed) {
		b.warm()
		one := b.dial(H3)
		if done(one.Secured()) {
			t.Fatal("there was no ticket")
		}
		if two := b.dial(H3); !done(two.Secured()) {
			t.Error("the ticket was used again")
		}
		// Another identity has none. (Not in the instant of a handshake's end, when
		// quic-go opens streams and sets what bounds them without a lock.)
		time.Sleep(time.Millisecond)
		talk(t, one, "hello")
		id := b.pki.device
		id.Certificate = append(id.Certificate[:1:1], id.CA)
		three, err := b.d.DialLane(t.Context(), b.gate, id, H3)
		if err != nil {
			t.Fatal(err)
		}
		defer three.Close()
		if !done(three.Secured()) {
			t.Error("another identity's ticket was used")
		}
	})
}

// A gateway that refuses 0-RTT gets everything once more, and in order.
func TestEarlyRefused(t *testing.T) {
	for _, tt := range []struct {
		name   string
		refuse func(b *bed)
	}{
		{"the ticket was seen before", func(b *bed) { b.far.update(func() { b.far.unread = true }) }},
		{"the gateway was started anew", func(b *bed) { b.far.stop(); b.start() }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBed(t, func(t *testing.T, b *bed) {
				b.warm()
				tt.refuse(b)
				c := b.dial(H3)
				if done(c.Secured()) {
					t.Fatal("there was no ticket")
				}
				admitted := make(chan error, 1)
				go func() {
					body, err := c.Admit(t.Context(), wire.SessionRequest{ClaimsToken: "tokens"})
					if err == nil {
						defer body.Close()
						_, err = wire.NewEventReader(body).Next()
					}
					admitted <- err
				}()
				// More than is kept, some with and some without an end, and one that
				// waits for its answer only.
				sent := make([]byte, 5*maxEarly+13)
				rand.Read(sent)
				big, err := c.Connect(t.Context(), Request{Authority: "big:1"})
				if err != nil {
					t.Fatal(err)
				}
				small, err := c.Connect(t.Context(), Request{Authority: "small:1"})
				if err != nil {
					t.Fatal(err)
				}
				mute, err := c.Connect(t.Context(), Request{Authority: "mute:1"})
				if err != nil {
					t.Fatal(err)
				}
				wrote := make(chan error, 1)
				go func() {
					_, err := big.Write(sent)
					wrote <- errors.Join(err, big.CloseWrite())
				}()
				io.WriteString(small, "hello")
				small.CloseWrite()
				if got, err := io.ReadAll(small); err != nil || string(got) != "hello" {
					t.Errorf("%q, %v", got, err)
				}
				if _, err := mute.Answer(); err != nil {
					t.Errorf("answer: %v", err)
				}
				if got, err := io.ReadAll(big); err != nil || !bytes.Equal(got, sent) {
					t.Errorf("%d bytes came back, %v", len(got), err)
				}
				if err := <-wrote; err != nil {
					t.Errorf("write: %v", err)
				}
				if err := <-admitted; err != nil {
					t.Errorf("admit: %v", err)
				}
				talk(t, c, "and a new one")
				for _, s := range b.far.heard()[1:] {
					if s.early {
						t.Errorf("%s was early", s.path)
					}
				}
			})
		})
	}
}

// Aborted, closed and given up while it is not known whether 0-RTT is accepted.
func TestEarlyIsGivenUp(t *testing.T) {
	inBed(t, func(t *testing.T, b *bed) {
		b.warm()
		c := b.dial(H3)
		b.lose(drop("udp"))
		s, err := c.Connect(t.Context(), Request{Authority: "a:1"})
		if err != nil {
			t.Fatal(err)
		}
		wrote := make(chan error, 1)
		go func() {
			_, err := s.Write(make([]byte, 2*maxEarly))
			wrote <- err
		}()
		time.Sleep(time.Second)
		s.Abort()
		if err := <-wrote; err == nil {
			t.Error("it was written")
		}
		other, err := c.Connect(t.Context(), Request{Authority: "a:1"})
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Second, c.Close)
		if _, err := other.Write(make([]byte, 2*maxEarly)); !errors.Is(err, ErrLost) {
			t.Errorf("write: %v", err)
		}
		if _, err := other.Answer(); !errors.Is(err, ErrLost) {
			t.Errorf("answer: %v", err)
		}
	})
}

// With the device's certificate refused, 0-RTT data brings nothing and the
// carrier tells why.
func TestEarlyAtAnothersGateway(t *testing.T) {
	stranger := newPKI(t)
	inBed(t, func(t *testing.T, b *bed) {
		b.warm()
		b.far.stop()
		b.pki.gateway = stranger.gateway
		b.start()
		c := b.dial(H3)
		_, err := c.Admit(t.Context(), wire.SessionRequest{})
		if !errors.Is(err, ErrCertificate) {
			t.Errorf("%v", err)
		}
		if h := b.far.heard(); len(h) != 0 {
			t.Errorf("it heard %+v", h)
		}
	})
}

func TestRefusalInEarlyData(t *testing.T) {
	inBed(t, func(t *testing.T, b *bed) {
		b.warm()
		b.far.update(func() {
			b.far.connect = func(w http.ResponseWriter, r *http.Request) {
				(&wire.Problem{Code: wire.CodeDenied, Status: http.StatusForbidden, Title: "No"}).Write(w)
			}
		})
		c := b.dial(H3)
		s, err := c.Connect(t.Context(), Request{Authority: "a:1"})
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(s, "hello")
		var p *wire.Problem
		if _, err := s.Answer(); !errors.As(err, &p) || p.Code != wire.CodeDenied {
			t.Errorf("%v", err)
		}
	})
}
