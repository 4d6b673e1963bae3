package flow

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var seedFlag = flag.Uint64("seed", 0, "run only this schedule of TestSchedules")

// schedules is how many TestSchedules runs; FLOW_SCHEDULES says how many else.
func schedules(t *testing.T) uint64 {
	s := os.Getenv("FLOW_SCHEDULES")
	if s == "" {
		return standardSchedules
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Whatever happens to carriers, either end's program receives a prefix of what
// the other's sent, in order and once; all of it where it is told that there is
// no more; and nothing is left behind, which synctest sees.
func TestSchedules(t *testing.T) {
	from, to := uint64(1), schedules(t)
	if *seedFlag != 0 {
		from, to = *seedFlag, *seedFlag
	}
	complete := 0
	for seed := from; seed <= to; seed++ {
		var w *world
		synctest.Test(t, func(t *testing.T) {
			w = newWorld(seed)
			if err := w.run(); err != nil {
				t.Errorf("schedule %d: %v\n%s", seed, err, w.story())
			}
		})
		if t.Failed() {
			return
		}
		if w.program.fin && w.app.fin {
			complete++
		}
	}
	t.Logf("%d of %d complete", complete, to-from+1)
	if *seedFlag == 0 && complete < int(to)/3 {
		t.Errorf("only %d of %d schedules came to their end in order", complete, to)
	}
}

// story is what happened.
func (w *world) story() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var b strings.Builder
	for _, line := range w.log {
		b.WriteString(line() + "\n")
	}
	return b.String()
}

func (w *world) run() error {
	w.program.run()
	go func() {
		err := w.client.Run(w.ctx)
		w.note("client: Run returned %v", err)
		w.clientErr <- err
	}()
	w.attach()
	over := make(chan error, 1)
	go func() { over <- <-w.clientErr }()
	clientErr := w.live(over)
	if clientErr == errStuck {
		return fmt.Errorf("the client's end does not finish: %+v, the gateway's %+v, program %d of %d, application %d of %d",
			w.client.Status(), w.gatewayStatus(), w.program.received, w.app.size, w.app.received, w.program.size)
	}
	w.program.ended.Wait()

	time.Sleep(time.Second) // for the first CONNECT of a client that was killed
	w.mu.Lock()
	done := w.gatewayErr
	w.mu.Unlock()
	gatewayErr := errors.New("there was none")
	if done != nil {
		select {
		case gatewayErr = <-done:
		case <-time.After(3 * time.Hour):
			return fmt.Errorf("the gateway's end does not finish: %+v", w.gatewayStatus())
		}
		w.app.ended.Wait()
	}
	time.Sleep(2 * time.Minute) // what is still under way in the network
	return w.verdict(clientErr, gatewayErr)
}

func (w *world) gatewayStatus() Status {
	w.mu.Lock()
	g := w.gateway
	w.mu.Unlock()
	if g == nil {
		return Status{}
	}
	return g.Status()
}

// verdict says what went wrong.
func (w *world) verdict(clientErr, gatewayErr error) error {
	for _, s := range []*side{w.program, w.app} {
		if s.err != nil {
			return s.err
		}
		if s.fin && s.received != s.other.size {
			return fmt.Errorf("%s: the end came after %d bytes of %d", s.name, s.received, s.other.size)
		}
	}
	// An end that finished knows that the far kernel has accepted all, whatever
	// came of the far end after. What a program did not read before it reset its
	// connection does not count.
	if clientErr == nil && !w.app.reset && !w.app.fin {
		return errors.New("all that the program sent is acknowledged, and the application did not come to see its end")
	}
	if gatewayErr == nil && !w.program.reset && !w.program.fin {
		return errors.New("all that the application sent is acknowledged, and the program did not come to see its end")
	}
	if !w.quiet {
		return nil
	}
	if clientErr != nil && clientErr != errGone || gatewayErr != nil && clientErr == nil {
		return fmt.Errorf("client: %v, gateway: %v", clientErr, gatewayErr)
	}
	if clientErr == errGone && gatewayErr == nil {
		return errors.New("the gateway's end did not wait for the client's")
	}
	return nil
}

var errStuck = errors.New("stuck")

// live is the client's owner: it attaches where there is something to send, and
// for as long as the disorder lasts it roams, suspends and loses carriers.
func (w *world) live(over <-chan error) error {
	disorder := time.After(w.upTo(20 * time.Second))
	pace := time.Duration(1+w.n(1000)) * time.Millisecond
	tick := time.After(w.upTo(pace))
	stuck := time.After(2 * time.Hour)
	disturbances := w.n(40)
	for {
		select {
		case err := <-over:
			return err
		case <-stuck:
			return errStuck
		case <-disorder:
			w.note("the disorder ends")
			tick = nil
		case <-tick:
			tick = time.After(w.upTo(pace))
			w.disturb()
			if disturbances--; disturbances < 0 {
				tick = nil
			}
		case what := <-w.events:
			switch {
			case what == "refused":
				w.first = true
			case w.client.Status().Attached && what != "wake":
				continue
			}
			time.Sleep(w.upTo(200 * time.Millisecond))
			w.attach()
		}
	}
}

// disturb does something to the flow.
func (w *world) disturb() {
	l := w.link
	switch w.n(12) {
	case 0, 1:
		w.note("client: roams")
		w.attach()
	case 2:
		w.note("client: suspends")
		w.client.Detach(w.epoch)
		if w.chance(70) {
			cut(l.a, l.b, 0, 0, everything, everything)
		}
	case 3, 4, 5, 6:
		w.note("the carrier is lost")
		cut(l.a, l.b, w.upTo(time.Second), w.upTo(time.Second), w.n(500), w.n(500))
	case 7:
		w.note("the carrier delivers no more, to one side")
		l.a.in.stop(errCut, w.upTo(5*time.Second), w.n(1000))
	case 8:
		w.note("the carrier ends the stream in order")
		l.a.in.closeWrite()
	case 9:
		if !w.quiet && w.chance(30) {
			w.end()
		}
	}
}

// end ends the flow otherwise than in order.
func (w *world) end() {
	w.mu.Lock()
	g, restart := w.gateway, w.restart
	w.mu.Unlock()
	what := w.n(6)
	switch {
	case what == 0:
		w.note("the program resets")
		w.program.abort()
	case what == 1:
		w.note("the client resets")
		w.client.Reset(errLease)
	case what == 2:
		w.note("the client is killed")
		w.kill(errKilled)
	case g == nil:
	case what == 3:
		w.note("the application resets")
		w.app.abort()
	case what == 4:
		w.note("the gateway resets")
		g.Reset(errLease)
	case what == 5:
		w.note("the gateway is started anew")
		restart(errRestart)
		w.mu.Lock()
		w.gateway = nil
		w.mu.Unlock()
	}
}
