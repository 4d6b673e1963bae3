#!/usr/bin/env bash
# Fetches systemd-resolved for the tests, which run it in a network of its own:
# the release's, and a newer one that knows dns-delegate. Nothing is installed:
# installing it would have this machine's names looked up by it.
#
#   packaging/resolved.sh [FOLDER]      (no folder: build/resolved)
#
# The folder then has debian/ and newer/, each with what the packages hold below
# root/ and the version in the file version. Where no newer one can be had from
# here the file newer.missing says why, and the next run tries again; where there
# is one, and it does not come, this fails: nothing is left untried in silence.
# What is there is not fetched again.
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
into=${1:-$here/build/resolved}
least=258 # dns-delegate came with it

say() { printf 'resolved: %s\n' "$*"; }
die() {
	printf 'resolved: %s\n' "$@" >&2
	exit 1
}

# Lists and archives are kept in the work folder, and nothing counts as installed:
# so what is fetched is everything down to the C library, and runs anywhere.
apt() {
	local command=$1
	shift
	"$command" -q -o Dir::State="$work/state" -o Dir::State::status="$work/status" -o Dir::Cache="$work/cache" \
		-o Acquire::Languages=none -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false \
		-o Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false -o Acquire::Retries=3 \
		-o APT::Sandbox::User="$(id -un)" "${sources[@]}" "$@" </dev/null
}

# unpack NAME: fetches systemd-resolved and the libraries that it needs, as the
# sources have them, and has them be the folder NAME.
unpack() {
	local version d
	rm -rf "$work/state" "$work/cache" "$work/debs" "$work/next"
	mkdir -p "$work/state/lists/partial" "$work/cache/archives/partial" "$work/debs" "$work/next/root"
	: >"$work/status"
	# A source that is away is no reason: what counts is whether the packages come.
	apt apt-get update >"$work/log" 2>&1 || true
	version=$(apt apt-cache show --no-all-versions systemd-resolved 2>>"$work/log" | sed -n 's/^Version: //p')
	if [ -z "$version" ]; then
		echo "the sources have no package systemd-resolved" >>"$work/log"
		return 1
	fi
	if [ "$1" = newer ] && [ "${version%%[.~-]*}" -lt "$least" ]; then
		echo "the sources have $version, and dns-delegate came with $least" >>"$work/log"
		return 1
	fi
	(
		cd "$work/debs"
		needed=$(apt apt-get --print-uris -qq --no-install-recommends install libsystemd-shared | sed -n "s/^'[^']*' \([^_]*\)_.*/\1/p")
		# shellcheck disable=SC2086 # names of packages
		apt apt-get download systemd-resolved $needed
	) >>"$work/log" 2>&1 || return 1
	for d in "$work"/debs/*.deb; do
		dpkg-deb -x "$d" "$work/next/root" >>"$work/log" 2>&1 || return 1
	done
	rm -rf "$work/next/root/usr/share/doc" "$work/next/root/usr/share/man" "$work/next/root"/usr/lib/*/gconv
	echo "$version" >"$work/next/version"
	rm -rf "${into:?}/$1"
	mv -T "$work/next" "$into/$1"
	say "fetched systemd-resolved $version"
}

# sites are where Debian may be had from: where this machine has it from, first.
sites() {
	{
		apt-get indextargets --format '$(REPO_URI)' 'Identifier: Packages' 'Origin: Debian' 'Component: main' 2>/dev/null || true
		echo http://deb.debian.org/debian
	} | grep -v security | awk '{ sub("/$", "") } !seen[$0]++'
}

# newer fetches it from Debian's unstable, or from testing.
newer() {
	local keyring=/usr/share/keyrings/debian-archive-keyring.gpg site suite
	if [ ! -e "$keyring" ]; then
		echo "there is no $keyring to check it with (package debian-archive-keyring)" >"$work/log"
		return 1
	fi
	for site in $(sites); do
		for suite in unstable testing; do
			echo "deb [signed-by=$keyring] $site $suite main" >"$work/newer.list"
			sources=(-o Dir::Etc::sourcelist="$work/newer.list" -o Dir::Etc::sourceparts=-)
			if unpack newer; then return; fi
			if listed; then
				tail -n 20 "$work/log" >&2
				die "$site has a systemd-resolved of $least or later in $suite, which cannot be fetched: see above. Try again."
			fi
		done
	done
	return 1
}

# listed says whether the sources' lists have come, and have a newer one in them.
listed() {
	local version
	version=$(apt apt-cache show --no-all-versions systemd-resolved 2>/dev/null | sed -n 's/^Version: //p')
	[ -n "$version" ] && [ "${version%%[.~-]*}" -ge "$least" ]
}

[ -e "$into/debian/version" ] && [ -e "$into/newer/version" ] && exit
command -v apt-get >/dev/null || die "this is no Debian: put a systemd-resolved below $into/debian/root, with its" \
	"libraries and their ld-linux, and its version into $into/debian/version"
mkdir -p "$into"
work=$(mktemp -d "$into/.work-XXXXXX")
trap 'rm -rf "$work"' EXIT

sources=()
if [ ! -e "$into/debian/version" ] && ! unpack debian; then
	tail -n 20 "$work/log" >&2
	die "systemd-resolved cannot be fetched: see above. Is there a network, and a source in /etc/apt?"
fi
rm -f "$into/newer.missing"
if [ ! -e "$into/newer/version" ] && ! newer; then
	tail -n 5 "$work/log" >"$into/newer.missing"
	say "no systemd-resolved of $least or later can be had, and dns-delegate is not tested:"
	sed 's/^/resolved:   /' "$into/newer.missing"
fi
