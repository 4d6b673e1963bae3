package openconnect

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

const printed = `COOKIE='openconnect_strapkey=MHcCAQ==; webvpn=AEVX'
HOST='10.50.0.2'
CONNECT_URL='https://10.50.0.2/'
FINGERPRINT='` + labPin + `'
RESOLVE='10.50.0.2:10.50.0.2'
`

func TestResult(t *testing.T) {
	whole := Session{cookie: "openconnect_strapkey=MHcCAQ==; webvpn=AEVX", Host: "10.50.0.2", ConnectURL: "https://10.50.0.2/", Fingerprint: labPin, Resolve: "10.50.0.2:10.50.0.2"}
	for _, tt := range []struct {
		name, out string
		want      Session
		err       string
	}{
		{"openconnect's", printed, whole, ""},
		{"without an address", "COOKIE='c'\nHOST='h'\nFINGERPRINT='f'\n", Session{cookie: "c", Host: "h", Fingerprint: "f"}, ""},
		{"more than is known", "COOKIE='c'\nHOST='h'\nFINGERPRINT='f'\nUSER_AGENT='x'\n", Session{cookie: "c", Host: "h", Fingerprint: "f"}, ""},
		{"a quote escaped for a shell", `COOKIE='a'\''b'` + "\nHOST='h'\nFINGERPRINT='f'\n", Session{cookie: "a'b", Host: "h", Fingerprint: "f"}, ""},
		{"a quote as it is", "COOKIE='a'b'\nHOST='h'\nFINGERPRINT='f'\n", Session{cookie: "a'b", Host: "h", Fingerprint: "f"}, ""},
		{"what a shell would run", "COOKIE='$(reboot)`reboot`'\nHOST='h'\nFINGERPRINT='f'\n", Session{cookie: "$(reboot)`reboot`", Host: "h", Fingerprint: "f"}, ""},
		{"nothing", "", Session{}, "openconnect printed no session"},
		{"no cookie", "HOST='h'\nFINGERPRINT='f'\n", Session{}, "openconnect printed no session"},
		{"no fingerprint", "COOKIE='c'\nHOST='h'\n", Session{}, "openconnect printed no session"},
		{"no quotes", "COOKIE=c\n", Session{}, "openconnect printed COOKIE: it is not quoted"},
		{"an open quote", "COOKIE='\n", Session{}, "openconnect printed COOKIE: it is not quoted"},
		{"steering characters", "COOKIE='a\x1bb'\n", Session{}, "openconnect printed COOKIE: there is a control character in it"},
		{"twice", printed + "COOKIE='other'\n", Session{}, "openconnect printed COOKIE twice"},
		{"a sentence", "My secret is out\n", Session{}, "openconnect printed what is no variable"},
		{"a command", "rm -rf /; COOKIE='x'\n", Session{}, "openconnect printed what is no variable"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := result(tt.out)
			if (err == nil) != (tt.err == "") || err != nil && err.Error() != tt.err {
				t.Errorf("the error is %v, want %q", err, tt.err)
			}
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(Session{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
