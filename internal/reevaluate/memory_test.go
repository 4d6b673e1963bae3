package reevaluate

import (
	"fmt"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"github.com/tidegate/tidegate/internal/policy"
)

// maxSession is what a session with ten grants of one condition may take, its
// place in the calendar included and its claims, which are the token's, not.
const maxSession = 512

func TestMemory(t *testing.T) {
	if size := unsafe.Sizeof(state{}); size != 32 {
		t.Errorf("a grant's state takes %d bytes", size)
	}
	const sessions, each = 10_000, 10
	var grants []*Grant
	for i := range 40 {
		grants = append(grants, grant(t, fmt.Sprintf(`during("Mon-Fri", "%02d:%02d", "17:00") && within(responses.mfa, duration("8h"))`, 6+i%3, i), asksMFA...))
	}
	claims := make([]policy.Claims, sessions)
	for i := range claims {
		claims[i] = *answered("09:00:00")
	}
	type session struct {
		subject Subject
		handle  Handle[*session]
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var c Calendar[*session]
	all := make([]*session, sessions)
	own := make([]*Grant, each)
	for i := range all {
		s := &session{}
		for j := range own {
			own[j] = grants[(i+j*7)%len(grants)]
		}
		s.handle.Owner = s
		s.subject.SetOptions(defaults)
		s.subject.SetGrants(own)
		s.subject.SetClaims(&claims[i])
		s.subject.Judge(clock("09:00:00"), policy.AllInputs, nil)
		c.Set(&s.handle, clock("10:00:00").Add(time.Duration(i)*time.Second)) // the dearest: a bucket each
		all[i] = s
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	each1 := float64(after.HeapAlloc-before.HeapAlloc) / sessions
	t.Logf("%.0f bytes a session", each1)
	if each1 > maxSession {
		t.Errorf("a session takes %.0f bytes, may take %d", each1, maxSession)
	}
	runtime.KeepAlive(all)
	runtime.KeepAlive(&c)
	runtime.KeepAlive(claims)
}

func TestJudgingAllocatesNothing(t *testing.T) {
	s := newStage(t, answered("09:00:00"), grant(t, `during("Mon-Fri", "08:30", "17:00") && within(responses.mfa, duration("60m")) && device.firewall`, asksMFA...))
	s.subject.Use(0, true)
	now := clock("09:00:00")
	if n := testing.AllocsPerRun(100, func() { s.subject.Replan(now, func(int) {}); now = now.Add(time.Minute) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
