package main

import (
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tidegate/tidegate/internal/desktop"
)

// element is one visible thing of the client's window, as it tells of itself.
type element struct {
	Label      string
	Kind       string
	X, Y, W, H float64
	Focused    bool
	Enabled    bool
	Text       string
}

// hands use the window as a person does, with pointer and keyboard. Where
// things are they learn from the window's inspection socket.
type hands struct {
	*desktop.Desktop
	socket string
}

// title is the window's.
const title = "Tidegate"

func (h *hands) elements(ctx context.Context) ([]element, error) {
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", h.socket)
	}}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://window/elements", nil)
	if err != nil {
		return nil, err
	}
	res, err := c.Do(req)
	if err != nil {
		return nil, fmt.Errorf("inspect the window: %w", err)
	}
	defer res.Body.Close()
	var es []element
	if err := json.NewDecoder(res.Body).Decode(&es); err != nil {
		return nil, fmt.Errorf("inspect the window: %w", err)
	}
	return es, nil
}

// find waits until something that satisfies want is seen twice at one place:
// it has stopped moving then.
func (h *hands) find(ctx context.Context, what string, want func(element) bool) (element, error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	var (
		last element
		seen []element
	)
	for {
		es, err := h.elements(ctx)
		if err == nil {
			seen = es
			now := element{}
			for _, e := range es {
				if want(e) {
					now = e
					break
				}
			}
			if now.Label != "" && now == last {
				return now, nil
			}
			last = now
		}
		select {
		case <-ctx.Done():
			return element{}, fmt.Errorf("%s is not in the window (%v); it shows: %s", what, err, labels(seen))
		case <-time.After(60 * time.Millisecond):
		}
	}
}

func labels(es []element) string {
	var ls []string
	for _, e := range es {
		if e.Label != "" {
			ls = append(ls, fmt.Sprintf("%s %q", e.Kind, e.Label))
		}
	}
	return strings.Join(ls, ", ")
}

// see waits for a text anywhere in the window.
func (h *hands) see(ctx context.Context, text string) error {
	_, err := h.find(ctx, fmt.Sprintf("%q", text), func(e element) bool { return strings.Contains(e.Label, text) })
	return err
}

// tabs is how often Tab is pressed at most to get anywhere.
const tabs = 60

// choose goes by Tab to the thing whose label begins with text, which scrolls it
// into view, and presses Space there.
func (h *hands) choose(ctx context.Context, text string) error {
	var at element
	for range tabs {
		next, err := h.moved(ctx, at)
		if err != nil {
			return err
		}
		if at = next; strings.HasPrefix(at.Label, text) && at.Focused {
			return h.Key(ctx, "space")
		}
		if err := h.Key(ctx, "Tab"); err != nil {
			return err
		}
	}
	return fmt.Errorf("Tab does not lead to %q", text)
}

// moved is what has the focus once that is not from any more: a Tab that is on its way
// still would have the next key go elsewhere. What has it for long keeps it.
func (h *hands) moved(ctx context.Context, from element) (element, error) {
	const long = 50
	var at element
	for range long {
		es, err := h.elements(ctx)
		if err != nil {
			return element{}, err
		}
		at = element{}
		if i := slices.IndexFunc(es, func(e element) bool { return e.Focused }); i >= 0 {
			at = es[i]
		}
		if at != from || from == (element{}) {
			break
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return element{}, err
		}
	}
	return at, nil
}

// typed waits until a field holds a text.
func (h *hands) typed(ctx context.Context, text string) error {
	_, err := h.find(ctx, fmt.Sprintf("a field with %q", text), func(e element) bool { return e.Kind == "field" && e.Text == text })
	return err
}

// seeDay waits until the days ahead of an application are drawn.
func (h *hands) seeDay(ctx context.Context, name string) error {
	_, err := h.find(ctx, fmt.Sprintf("the days ahead of %q", name), func(e element) bool {
		return e.Kind == "day" && strings.HasPrefix(e.Label, name+": ")
	})
	return err
}

// reads waits until the card of an application has a text on it.
func (h *hands) reads(ctx context.Context, card, text string) error {
	c, err := h.find(ctx, fmt.Sprintf("card %q", card), func(e element) bool { return e.Kind == "card" && e.Label == card })
	if err != nil {
		return err
	}
	_, err = h.find(ctx, fmt.Sprintf("%q on card %q", text, card), func(e element) bool {
		return e.Kind == "text" && e.Label == text && e.X >= c.X && e.Y >= c.Y && e.X+e.W <= c.X+c.W && e.Y+e.H <= c.Y+c.H
	})
	return err
}

// gone waits until the card of an application has left the window.
func (h *hands) gone(ctx context.Context, card string) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	for {
		es, err := h.elements(ctx)
		if err == nil && !slices.ContainsFunc(es, func(e element) bool { return e.Kind == "card" && e.Label == card }) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("card %q is still in the window (%v); it shows: %s", card, err, labels(es))
		case <-time.After(60 * time.Millisecond):
		}
	}
}

// press clicks the enabled thing of a kind whose label begins with text.
func (h *hands) press(ctx context.Context, kind, text string) error {
	e, err := h.find(ctx, fmt.Sprintf("%s %q", kind, text), func(e element) bool {
		return e.Kind == kind && e.Enabled && strings.HasPrefix(e.Label, text)
	})
	if err != nil {
		return err
	}
	w, err := h.WaitWindow(ctx, title)
	if err != nil {
		return err
	}
	return h.Click(ctx, w.At(int(e.X+e.W/2), int(e.Y+e.H/2)))
}

// focused waits until the thing of a kind has the keyboard.
func (h *hands) focused(ctx context.Context, kind string) error {
	w, err := h.WaitWindow(ctx, title)
	if err != nil {
		return err
	}
	if err := h.Focus(ctx, w); err != nil {
		return err
	}
	_, err = h.find(ctx, "the focused "+kind, func(e element) bool { return e.Kind == kind && e.Focused })
	return err
}

// bright waits until the window's ground is drawn light, or dark.
func (h *hands) bright(ctx context.Context, want bool) error {
	w, err := h.WaitWindow(ctx, title)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	for {
		img, err := h.Capture(ctx)
		if err != nil {
			return err
		}
		at := w.At(w.Bounds.Dx()-8, 8)
		grey := color.GrayModel.Convert(img.At(at.X, at.Y)).(color.Gray).Y
		if want == (grey > 128) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the window's ground is %d of 255 bright", grey)
		case <-time.After(60 * time.Millisecond):
		}
	}
}

// rest puts the pointer where it lights nothing up.
func (h *hands) rest(ctx context.Context) error { return h.MoveTo(ctx, image.Pt(4, 790)) }
