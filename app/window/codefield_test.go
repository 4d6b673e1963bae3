package window

import (
	"testing"

	"fyne.io/fyne/v2"
	"github.com/tidegate/tidegate/session"
)

func TestCodeIsPasted(t *testing.T) {
	b := newBench(t, alwaysDark)
	b.apply(mfaPrompt())
	b.app.Clipboard().SetContent(" 987 654\n")
	code := b.canvas().Focused().(*codeField)
	code.TypedShortcut(&fyne.ShortcutPaste{Clipboard: b.app.Clipboard()})
	if code.digits != "987654" {
		t.Errorf("pasted %q", code.digits)
	}
	if got := b.sent(); got != (session.Answer{Prompt: "i1", Device: "x4k9-m2p7-q8dz", MFA: "987654"}) {
		t.Errorf("a pasted code sent %#v", got)
	}
	b.key(fyne.KeyBackspace)
	if code.digits != "987654" {
		t.Errorf("while it is checked the field becomes %q", code.digits)
	}
	b.apply(everythingPrompt())
	code = b.canvas().Focused().(*codeField)
	b.typed("987654")
	if got := b.sent(); got != nil {
		t.Errorf("a code that is not all there is to answer sent %#v", got)
	}
	b.key(fyne.KeyBackspace)
	b.typed("x²1")
	if code.digits != "987651" {
		t.Errorf("holds %q", code.digits)
	}
}

// Keyboards and messages of other scripts have digits of their own.
func TestDigits(t *testing.T) {
	for _, s := range []string{"0123456789", "０１２３４５６７８９", "٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹", "०१२३४५६७८९"} {
		var got []rune
		for _, r := range s {
			got = append(got, digit(r))
		}
		if string(got) != "0123456789" {
			t.Errorf("%s is %q", s, string(got))
		}
	}
	for _, r := range "xX²½一-. \n" {
		if got := digit(r); got != -1 {
			t.Errorf("%q is %q", r, got)
		}
	}
}
