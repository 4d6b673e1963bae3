#!/bin/sh
# Renders brand/*.svg to the PNG files beside and in ../tray, with rsvg-convert
# (Debian: librsvg2-bin). Run by go generate.
set -eu
cd "$(dirname "$0")"
for px in 16 32 48 64 128 256; do
	rsvg-convert -w $px -h $px logo.svg -o logo-$px.png
done
# INK is the panel's text colour, MARK the colour of the state's own sign, and
# EDGE what keeps the sign visible on a panel of the other kind: nothing says
# which kind there is.
tray() { # state, panel, ink, mark, edge
	for px in 16 22 24 32 48 64; do
		sed -e "s/INK/$3/g" -e "s/MARK/$4/g" -e "s/EDGE/$5/g" "tray-$1.svg" |
			rsvg-convert -w $px -h $px -o "../tray/$1-$2-$px.png"
	done
}
tray inactive dark '#b8bfca' '#b8bfca' '#151b25'
tray inactive light '#5b6472' '#5b6472' '#ffffff'
tray active dark '#ffffff' '#ffffff' '#151b25'
tray active light '#1f2733' '#1f2733' '#ffffff'
tray in-use dark '#ffffff' '#3ddc97' '#151b25'
tray in-use light '#1f2733' '#08875d' '#ffffff'
tray attention dark '#ffb938' '#ffb938' '#151b25'
tray attention light '#b45f06' '#b45f06' '#ffffff'
