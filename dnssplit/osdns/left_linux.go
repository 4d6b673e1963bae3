package osdns

import "errors"

// Left is what was applied last and not undone since, by whichever process, so far
// as it is of this start of the machine; a VPN's device may have gone. The zero Want:
// nothing.
func Left(o Options) (Want, error) {
	j, err := peekJournal(o)
	if errors.Is(err, errDamaged) {
		return Want{}, nil // whoever applies or undoes tells
	}
	if err != nil || j == nil || j.Want == nil || j.Place.Boot == "" || j.Place.Boot != bootID() {
		return Want{}, err
	}
	return *j.Want, nil
}
