package run

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHosts(t *testing.T) {
	system := "127.0.0.1\tlocalhost\n# wiki.corp\n10.0.0.1 Wiki.Corp. wiki # old\n\n10.0.0.2 ledger.corp\nbroken\n::1 localhost ip6-localhost"
	names := Names{
		"wiki.corp":   {netip.MustParseAddr("100.96.1.1"), netip.MustParseAddr("fd54:6964:6567::1")},
		"ledger.corp": {netip.MustParseAddr("100.96.1.2"), {}},
	}
	want := "127.0.0.1\tlocalhost\n10.0.0.1\twiki\n::1\tlocalhost ip6-localhost\n# Tidegate: the applications\n" +
		"100.96.1.2\tledger.corp\n100.96.1.1\twiki.corp\nfd54:6964:6567::1\twiki.corp\n"
	if diff := cmp.Diff(want, hosts(system, names, true)); diff != "" {
		t.Error(diff)
	}
	want = "# Tidegate: the applications\n100.96.1.2\tledger.corp\n100.96.1.1\twiki.corp\n"
	if diff := cmp.Diff(want, hosts("", names, false)); diff != "" {
		t.Error(diff)
	}
}

func TestNSSwitch(t *testing.T) {
	for _, tt := range []struct{ system, want string }{
		{"passwd: files sss\nhosts: mymachines resolve [!UNAVAIL=return] files myhostname dns\n# hosts: x\n", "passwd: files sss\n# hosts: x\nhosts: files dns\n"},
		{" hosts : mdns4\nnetworks: files", "networks: files\nhosts: files dns\n"},
		{"", "hosts: files dns\n"},
	} {
		if diff := cmp.Diff(tt.want, nsswitch(tt.system)); diff != "" {
			t.Error(diff)
		}
	}
}
