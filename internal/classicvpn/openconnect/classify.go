package openconnect

import (
	"regexp"
	"slices"
	"strings"

	"github.com/tidegate/tidegate/session"
)

// verdict is what a line of openconnect's says about why it has ended.
type verdict struct {
	words *regexp.Regexp
	code  session.VPNFailureCode
}

func says(code session.VPNFailureCode, words string) verdict {
	return verdict{words: regexp.MustCompile(`(?i)` + words), code: code}
}

// otherServer is how it refuses a server that shows another key.
var otherServer = regexp.MustCompile(`None of the \d+ fingerprint\(s\) specified via --servercert match`)

// verdicts are the lines that say why, the first that fits of each line.
var verdicts = []verdict{
	{words: otherServer, code: session.VPNOtherServer},
	says(session.VPNOtherServer, `does not match server's certificate|Server SSL certificate didn't match`),
	says(session.VPNHostChecker, `host ?checker|\btncc\b|csd hostscan|Cisco Secure Desktop|--csd-wrapper|hip (?:check or )?report (?:submission )?failed`),
	says(session.VPNBrowser, `\bsaml\b|no sso handler|single[- ]sign[- ]on|external[- ]browser|AnyConnect login window|frmSaml`),
	says(session.VPNExpired, `cookie was rejected|cookie is no longer valid|cookie not accepted|cookie is not acceptable|inappropriate HTTP CONNECT response: HTTP/\S+ 401|session expired|session timeout|invalid (?:authentication )?cookie|failed to reconnect with the same|VPN session has expired`),
	says(session.VPNRefused, `client certificate (?:required|missing)|requested SSL client certificate|valid client certificate is required|account locked out|^authentication failure|certificate validation failure|Got HTTP response: HTTP/\S+ 401`),
	says(session.VPNEnded, `session terminated by server|received server (?:disconnect|terminate)|server terminat(?:ed|es)|client connection terminated|idle timeout`),
	says(session.VPNUnreachable, `getaddrinfo failed|^failed to connect to \S+:\d+: |(?:connection|host|network|connect).*(?:refused|unreachable|timed out|no route|reset by peer)|no route to host|error in the pull function|SSL connection (?:failure|cancelled).*(?:timed out|terminated|push function)`),
	says(session.VPNNoServer, `unexpected \d+ result from server|no "auth" node|find or parse web form|failed to parse (?:server response|HTML document)|SSL connection failure: (?:an unexpected TLS packet|a TLS fatal alert)|inappropriate HTTP CONNECT response|unexpected response to IF-T/TLS|unknown response from server|error fetching HTTPS response|empty response from server`),
	says(session.VPNLost, `reconnect failed|failed to reconnect|detected dead peer|^(?:read|write) error on SSL session`),
	says(session.VPNFailed, `^set up tun (?:device|script) failed|^failed to (?:bind|open) .*\btun device`),
}

// hollow are lines that end every failure, or say it again in other words.
var hollow = regexp.MustCompile(`(?i)^(?:Failed to complete authentication|Creating SSL connection failed|Unknown error; exiting\.?|Unrecoverable I/O error; exiting\.?|Failed to open HTTPS connection to .*|Failed to connect to host \S*|SSL connection failure: Error in the certificate\.?|Server certificate verify failed: .*|Send BYE packet: .*|fgets \(stdin\): .*|Failed to write incoming packet: .*|Server .* requested Basic authentication which is disabled by default|User requested reconnect|)$`)

// classify says why openconnect has ended, by the last lines that it said.
func classify(lines []string, r *redactor) *Failure {
	for _, line := range slices.Backward(lines) {
		line = strings.TrimSpace(line)
		if hollow.MatchString(line) {
			continue
		}
		for _, v := range verdicts {
			if v.words.MatchString(line) {
				return failed(v.code, r.line(line, maxWord))
			}
		}
	}
	for _, line := range slices.Backward(lines) {
		if line = strings.TrimSpace(line); !hollow.MatchString(line) {
			return failed(session.VPNFailed, r.line(line, maxWord))
		}
	}
	for _, line := range slices.Backward(lines) {
		if line = r.line(line, maxWord); line != "" {
			return failed(session.VPNFailed, line)
		}
	}
	return failed(session.VPNFailed, "openconnect ended without a word")
}

// refused says why signing in has ended: what the server has said about the
// last answer counts where openconnect says nothing of it.
func (t *transcript) refused(r *redactor) *Failure {
	f := classify(t.lines, r)
	if f.Code != session.VPNFailed && f.Code != session.VPNExpired && f.Code != session.VPNEnded {
		return f
	}
	for _, line := range slices.Backward(t.lines) {
		if refusal.MatchString(line) {
			return failed(session.VPNRefused, r.line(line, maxWord))
		}
	}
	return f
}

// ended says why a tunnel has ended, by openconnect's exit code and its last words
// since connected, whether it was up, has changed.
func ended(code int, signalled bool, lines []string, connected bool, r *redactor) *Failure {
	f := classify(lines, r)
	switch {
	case signalled:
		return failed(session.VPNFailed, "openconnect was killed, or crashed")
	case code == 0:
		return failed(session.VPNFailed, "something else on this machine ended openconnect")
	case code == 2 && f.Code != session.VPNOtherServer:
		f.Code = session.VPNExpired
	case connected && (f.Code == session.VPNUnreachable || f.Code == session.VPNNoServer):
		f.Code = session.VPNLost
	case f.Code == session.VPNLost && slices.ContainsFunc(lines, otherServer.MatchString):
		// It goes on trying then: it might be a network's own page that was in the way.
		return failed(session.VPNOtherServer, r.line(lines[slices.IndexFunc(lines, otherServer.MatchString)], maxWord))
	case connected && f.Code == session.VPNFailed && strings.HasPrefix(f.Detail, "Unrecoverable I/O error"):
		f.Code = session.VPNLost
	}
	return f
}
