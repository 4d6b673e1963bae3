package window

import (
	"hash/fnv"
	"image/color"
	"math"
	"strconv"
)

// hues is how many tints an application may have (session.App.Color).
const hues = 20

// hueOf is the tint of an application: the administrator's, or one by its name.
func hueOf(number int, name string) int {
	if number >= 1 && number <= hues {
		return number
	}
	h := fnv.New32a()
	h.Write([]byte(name))
	return int(h.Sum32()%hues) + 1
}

// hueInk and hueSoft are the roles of a tint: its icon's, and its tile's.
func hueInk(n int) role  { return role("tidegate.hue." + strconv.Itoa(n)) }
func hueSoft(n int) role { return hueInk(n) + ".soft" }

func init() {
	for n := 1; n <= hues; n++ {
		angle := float64(n-1)*360/hues + 255
		dark[hueInk(n)] = oklch(0.80, 0.105, angle)
		dark[hueSoft(n)] = oklch(0.285, 0.050, angle)
		light[hueInk(n)] = oklch(0.47, 0.125, angle)
		light[hueSoft(n)] = oklch(0.945, 0.030, angle)
	}
}

// oklch is a colour of equal lightness to the eye whatever its angle, in
// degrees (Ottosson, "A perceptual color space for image processing").
func oklch(lightness, chroma, angle float64) color.NRGBA {
	a, b := chroma*math.Cos(angle*math.Pi/180), chroma*math.Sin(angle*math.Pi/180)
	l := math.Pow(lightness+0.3963377774*a+0.2158037573*b, 3)
	m := math.Pow(lightness-0.1055613458*a-0.0638541728*b, 3)
	s := math.Pow(lightness-0.0894841775*a-1.2914855480*b, 3)
	return color.NRGBA{
		R: channel(4.0767416621*l - 3.3077115913*m + 0.2309699292*s),
		G: channel(-1.2684380046*l + 2.6097574011*m - 0.3413193965*s),
		B: channel(-0.0041960863*l - 0.7034186147*m + 1.7076147010*s),
		A: 255,
	}
}

func channel(v float64) uint8 {
	if v <= 0.0031308 {
		v *= 12.92
	} else {
		v = 1.055*math.Pow(v, 1/2.4) - 0.055
	}
	return uint8(math.Round(255 * max(0, min(1, v))))
}
