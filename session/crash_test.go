package session

import (
	"maps"
	"slices"
	"sync"
	"testing"
)

// disk is what there is after each write, of the records and of the keychain.
type disk struct {
	mu    sync.Mutex
	kept  KeptEnrolments
	items map[VaultItem]string
	shots []shot
}

type shot struct {
	kept  KeptEnrolments
	items map[VaultItem]string
}

// of has the disk note what the bench's client writes.
func (d *disk) of(b *bench) {
	d.kept, d.items = KeptEnrolments{b.records.e, b.records.others, b.records.gone}, maps.Clone(b.vault.items)
	b.records.wrote = func(k KeptEnrolments) { d.note(func() { d.kept = k }) }
	b.vault.wrote = func(items map[VaultItem]string) { d.note(func() { d.items = maps.Clone(items) }) }
}

func (d *disk) note(change func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change()
	d.shots = append(d.shots, shot{d.kept, d.items})
}

// Wherever a crash cuts it off between two writes, whatever is done with enrolments leaves
// nothing in the keychain that nobody knows of; and the next start puts it in order.
func TestACrashBetweenAnyTwoWrites(t *testing.T) {
	locked := func(cmds ...Command) func(*bench) {
		return func(b *bench) {
			b.vault.set(ErrKeychainLocked)
			for _, c := range cmds {
				b.do(c)
				b.closed()
			}
			b.vault.set(nil)
			b.do(Retry{})
		}
	}
	for name, act := range map[string]func(*bench){
		"enrol":                        func(b *bench) { b.second() },
		"enrol and sign out":           func(b *bench) { b.second(); b.closed(); b.do(SignOut{}) },
		"enrol again":                  func(b *bench) { b.do(Enrol{Link: goodLink}); b.do(SignIn{Password: "tide"}) },
		"enrol elsewhere twice":        func(b *bench) { b.second(); b.closed(); b.second() },
		"enrol, and again the first":   func(b *bench) { b.second(); b.closed(); b.do(Enrol{Link: goodLink}) },
		"switch":                       func(b *bench) { b.second(); b.closed(); b.do(SwitchEnrolment{"d1"}) },
		"forget the active one":        func(b *bench) { b.second(); b.closed(); b.do(ForgetEnrolment{"d2"}) },
		"forget the one that rests":    func(b *bench) { b.second(); b.closed(); b.do(ForgetEnrolment{"d1"}) },
		"forget in the midst of it":    func(b *bench) { b.second(); b.do(SwitchEnrolment{"d1"}); b.do(ForgetEnrolment{"d1"}) },
		"forget and enrol anew":        func(b *bench) { b.do(ForgetEnrolment{"d1"}); b.second() },
		"locked, enrol":                locked(Enrol{Link: otherLink}, SignIn{Password: "tide"}),
		"locked, enrol and forget":     locked(Enrol{Link: otherLink}, SignIn{Password: "tide"}, ForgetEnrolment{"d1"}),
		"locked, enrol again":          locked(Enrol{Link: goodLink}, SignIn{Password: "tide"}),
		"locked, forget and enrol":     locked(ForgetEnrolment{"d1"}, Enrol{Link: otherLink}, SignIn{Password: "tide"}),
		"locked, forget and the same":  locked(ForgetEnrolment{"d1"}, Enrol{Link: goodLink}, SignIn{Password: "tide"}),
		"locked, out and in":           locked(SignOut{}, SignIn{Password: "tide"}),
		"locked, out, and in when not": func(b *bench) { locked(SignOut{})(b); b.do(SignIn{Password: "tide"}) },
	} {
		t.Run(name, func(t *testing.T) {
			var d disk
			bubble(t, func(t *testing.T, b *bench) {
				other := newFakeController(t)
				other.mint, other.snapshot.Session = "other cookie", "s2"
				b.both = bothControllers{b.controller, other}
				b.enrolled("kept")
				d.of(b)
				b.start()
				act(b)
			})
			if len(d.shots) == 0 {
				t.Fatal("nothing was written")
			}
			for i, s := range d.shots {
				var known []VaultItem
				for _, e := range s.kept.All() {
					known = append(known, e.Items()...)
				}
				for item := range s.items {
					if !slices.Contains(known, item) && !slices.Contains(s.kept.Gone, item) {
						t.Errorf("after write %d of %d nobody knows of %s", i+1, len(d.shots), item)
					}
				}
				if err := s.kept.Checked(); err != nil {
					t.Errorf("after write %d of %d: %v", i+1, len(d.shots), err)
				}
				bubble(t, func(t *testing.T, b *bench) { // the next start
					b.records.e, b.records.others, b.records.gone = s.kept.Enrolled, s.kept.Others, s.kept.Gone
					maps.Copy(b.vault.items, s.items)
					b.controller.cookies["kept"], b.controller.cookies["cookie"], b.controller.cookies["other cookie"] = true, true, true
					b.start()
					st := b.state()
					if len(b.records.gone) > 0 || len(st.Enrolments) != len(s.kept.All()) || st.Prompt == nil && st.Control.Phase != ControlEstablished {
						t.Errorf("after write %d of %d, and a start: to go %q, %s, %d enrolments, prompt %+v", i+1, len(d.shots), b.records.gone, st.Control.Phase, len(st.Enrolments), st.Prompt)
					}
					for _, item := range s.kept.Gone {
						if b.vault.has(item) {
							t.Errorf("after write %d of %d, and a start, %s is still there", i+1, len(d.shots), item)
						}
					}
				})
			}
		})
	}
}
