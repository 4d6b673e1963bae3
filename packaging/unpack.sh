#!/usr/bin/env bash
# Fetches packages of Debian for the tests and unpacks them below build/debian.
# Nothing is installed: these would change how this machine's own names are looked
# up, or serve whoever comes by. What is there is not fetched again.
#
#   packaging/unpack.sh PACKAGE...
#
# Tests run in networks of their own, where nothing can be fetched: this comes first.
set -euo pipefail

into=$(cd "$(dirname "$0")/.." && pwd)/build/debian

die() {
	printf 'unpack: %s\n' "$@" >&2
	exit 1
}

work=
trap 'rm -rf "$work"' EXIT
for name; do
	[ -e "$into/$name" ] && continue
	command -v apt-get >/dev/null || die "this is no Debian: unpack its package $name into $into/$name"
	mkdir -p "$into"
	work=$(mktemp -d "$into/.work-XXXXXX")
	log=$work/log
	(
		cd "$work"
		download() { apt-get -q -o "APT::Sandbox::User=$(id -un)" -o Acquire::Retries=3 download "$name" </dev/null >>"$log" 2>&1; }
		download || { apt-get -q update </dev/null >>"$log" 2>&1 && download; }
	) && dpkg-deb -x "$work"/*.deb "$work/root" >>"$log" 2>&1 || {
		tail -n 20 "$log" >&2
		die "Debian's package $name cannot be fetched: see above. Is there a network, and a source in /etc/apt?"
	}
	chmod 755 "$work/root"
	mv -T "$work/root" "$into/$name"
	rm -rf "$work"
	printf 'unpack: fetched %s\n' "$name"
done
