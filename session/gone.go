package session

import (
	"context"
	"slices"

	"github.com/tidegate/tidegate/internal/lang"
)

// What is forgotten is removed from the keychain, which may be locked then, or away, or
// left alone by a crash. So the names of what is to go are kept with the enrolments
// before the first of it is touched, and until all of it is gone: whatever the keychain
// has under such a name counts as not there, and goes as soon as it opens.
//
//	kept ──► to go (condemn, saved) ──► gone (purge)
//	            └──► kept anew (store, once it is)

// condemned are the items that are gone, and others with them.
func condemned(gone []VaultItem, others ...VaultItem) []VaultItem {
	all := slices.Clone(gone)
	for _, i := range others {
		if !slices.Contains(all, i) {
			all = append(all, i)
		}
	}
	return all
}

// due are the items that are to go, and that nothing else is about to take the place of.
func (s *standby) due() []VaultItem {
	return slices.DeleteFunc(slices.Clone(s.gone), func(i VaultItem) bool { return s.storing[i] > 0 })
}

// purge has the keychain rid of all that is to go.
func (c *core) purge() {
	if items := c.others.due(); len(items) > 0 && c.others.purging == 0 && !c.others.unsaved {
		c.remove(items, nil)
	}
}

// remove has the keychain rid of items that are to go, after first has used it, unless
// that is nil. Where the one fails, the other is not tried: each may ask the user.
func (c *core) remove(items []VaultItem, first func(context.Context) error) {
	if c.others.unsaved {
		return
	}
	v, last := c.o.Vault, c.last
	c.others.purging++
	c.vault(func(ctx context.Context) func(*core) {
		var err error
		if first != nil {
			err = first(ctx)
		}
		ctx, cancel := context.WithTimeout(last, vaultTime)
		defer cancel()
		n := 0
		for ; n < len(items) && err == nil; n++ {
			if err = v.Delete(ctx, items[n]); err != nil {
				break
			}
		}
		return func(c *core) {
			c.others.purging--
			c.away(items[:n])
			if err != nil {
				c.keychainFailed(err)
				return
			}
			c.keychain = KeychainReady
			c.makeUp()
		}
	})
}

// away takes note that nothing is left of items that were to go.
func (c *core) away(items []VaultItem) {
	c.others.gone = slices.DeleteFunc(slices.Clone(c.others.gone), func(i VaultItem) bool { return slices.Contains(items, i) })
	if !slices.Equal(c.others.gone, c.others.noted) {
		c.saveEnrolments(c.kept()) // in vain: they are looked for once more at the next start
	}
}

// unsavedWords say that an enrolment is in memory alone.
func unsavedWords(err error) telling {
	return func() *Problem {
		return &Problem{Code: "save", Title: lang.T("The enrolment could not be saved"), Detail: sentence(err), Action: "retry",
			Fix: lang.T("Free some space in your home folder; until then Tidegate forgets this enrolment when it ends.")}
	}
}

// leftover says whether the keychain may have something of an enrolment that is no more.
func (f *facts) leftover() bool {
	var kept []VaultItem
	for _, e := range (KeptEnrolments{Enrolled: f.enrolled, Others: f.others.resting}).All() {
		kept = append(kept, e.Items()...)
	}
	return slices.ContainsFunc(f.others.gone, func(i VaultItem) bool { return !slices.Contains(kept, i) })
}

// keychainProblem says what is wrong with the keychain, and what that comes to.
func (f *facts) keychainProblem() *Problem {
	shut := f.keychain == KeychainLocked || f.keychain == KeychainAbsent
	have, left := f.identity.Key != nil, shut && f.leftover()
	var p *Problem
	if f.enrolled.Enrolled() && !(left && have && !f.unkept) {
		p = explainKeychain(f.keychain, f.keyLost, have)
	}
	switch {
	case !left:
	case p != nil:
		p.Detail += " " + lang.T("The keys of enrolments that were removed go from the keychain as soon as it opens.")
	case f.keychain == KeychainLocked:
		p = explainKeychain(KeychainLocked, false, have)
		p.Detail = lang.T("What it has of an enrolment that was removed goes as soon as it opens.")
	default:
		p = explainKeychain(KeychainAbsent, false, false)
		p.Detail = lang.T("What it has of an enrolment that was removed goes as soon as it opens.")
	}
	return p
}
