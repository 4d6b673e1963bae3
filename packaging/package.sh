#!/usr/bin/env bash
# Makes the packages:
#
#   tidegate_VERSION_ARCH.deb              client and helper
#   tidegate-VERSION-1.ARCH.rpm            the same, for distributions with RPMs
#   tidegate-VERSION-linux-ARCH.tar.xz     the same, with a script that installs it
#   tidegate-server-VERSION-linux-ARCH.tar.xz   controller, gateway and lab
#   *.cdx.json                             what their programs are made of (CycloneDX)
#   SHA256SUMS
#
#   packaging/package.sh [--bin FOLDER] INTO
#
# FOLDER holds the programs; without it they are built, stripped. What is made is the
# same whenever and wherever it is made of the same programs: times in it are that of
# SOURCE_DATE_EPOCH, or of the last commit. XZ_LEVEL is how archives are packed: -6.
set -euo pipefail
shopt -s inherit_errexit

NFPM=github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.44.2

die() {
	printf 'package: %s\n' "$@" >&2
	exit 1
}

BIN=
if [ "${1:-}" = --bin ]; then
	[ -n "${2:-}" ] || die "--bin wants a folder"
	BIN=$(realpath -e "$2")
	shift 2
fi
[ $# = 1 ] || die "usage: packaging/package.sh [--bin FOLDER] INTO"
into=$(realpath -m "$1")
cd "$(dirname "$0")/.."
mkdir -p "$into"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

VERSION=$(sed -n 's/^var Version = "\(.*\)"$/\1/p' app/core.go)
[ -n "$VERSION" ] || die "app/core.go names no version"
GOARCH=$(go env GOARCH)
if [ -z "${SOURCE_DATE_EPOCH:-}" ]; then
	SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null) || SOURCE_DATE_EPOCH=$(stat -c %Y go.mod)
fi
export VERSION GOARCH SOURCE_DATE_EPOCH

if [ -z "$BIN" ]; then
	BIN=$work/bin
	mkdir "$BIN"
	go build -tags gles -buildvcs=false -buildmode=pie -ldflags '-s -w' -o "$BIN/" .
	packaging/static.sh "$BIN"
fi
SHARE=$work/share
mkdir "$SHARE"
GLIBC=$(readelf -V "$BIN/tidegate" | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -n 1)
GLIBC=${GLIBC#GLIBC_}
export BIN SHARE GLIBC

# pack FOLDER: an archive of a folder of the work folder, which is the same each time.
pack() {
	tar -C "$work" --sort=name --owner=0 --group=0 --numeric-owner --mode=go-w,a+rX --mtime="@$SOURCE_DATE_EPOCH" -cf - "$1" |
		xz -T1 "${XZ_LEVEL:--6}" >"$into/$1.tar.xz"
}

# bill PRODUCT PROGRAM...: what it is made of, and the licences of that.
bill() {
	local name=$1
	shift
	go run -buildvcs=false ./internal/sbom -name "$name" -version "$VERSION" \
		-bom "$into/$name-$VERSION-linux-$GOARCH.cdx.json" -licences "$work/$name.licences" "$@"
}

bill tidegate "$BIN/tidegate" "$BIN/tidegate-helper"
install -m 644 "$into/tidegate-$VERSION-linux-$GOARCH.cdx.json" "$SHARE/tidegate.cdx.json"
install -m 644 "$work/tidegate.licences" "$SHARE/LICENCES.modules"
gzip -9n <packaging/man/tidegate.1 >"$SHARE/tidegate.1.gz"
deb=tidegate_${VERSION}_$GOARCH.deb
rpm=tidegate-$VERSION-1.$(case $GOARCH in amd64) echo x86_64 ;; arm64) echo aarch64 ;; *) echo "$GOARCH" ;; esac).rpm
for package in "$deb" "$rpm"; do
	GOFLAGS='' go run "$NFPM" package -f packaging/linux/nfpm.yaml -p "${package##*.}" -t "$into/$package" >"$work/log" 2>&1 || {
		cat "$work/log" >&2
		die "nfpm failed: see above"
	}
done

client=tidegate-$VERSION-linux-$GOARCH
mkdir "$work/$client"
dpkg-deb -x "$into/$deb" "$work/$client/files"
install -m 755 packaging/linux/install.sh "$work/$client/install.sh"
pack "$client"

server=tidegate-server-$VERSION-linux-$GOARCH
mkdir "$work/$server"
install -m 755 "$BIN/tidegate-server" "$work/$server/"
bill tidegate-server "$BIN/tidegate-server"
install -m 644 "$into/$server.cdx.json" "$work/$server/tidegate-server.cdx.json"
install -m 644 "$work/tidegate-server.licences" "$work/$server/LICENCES.modules"
install -m 644 LICENSE NOTICE docs/policies.md packaging/schema/tidegate.schema.json "$work/$server/"
pack "$server"

(cd "$into" && sha256sum "$deb" "$rpm" "$client.tar.xz" "$server.tar.xz" ./*.cdx.json | sed 's|\./||' >SHA256SUMS)
