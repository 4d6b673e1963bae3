//go:build linux

package desktop

import (
	"context"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"strings"

	"github.com/godbus/dbus/v5"
)

const itemInterface = "org.kde.StatusNotifierItem"

// TrayItem is one icon of the tray, as its application describes it.
type TrayItem struct {
	ID      string
	Title   string
	Status  string // Active, Passive, NeedsAttention
	Tooltip string
	// Icon is the largest picture that the application offers; nil for an icon
	// that is only named.
	Icon *image.NRGBA

	service string
	path    dbus.ObjectPath
	menu    dbus.ObjectPath
}

// TrayItems are the icons that the tray knows, in the order of their coming.
func (d *Desktop) TrayItems(ctx context.Context) ([]TrayItem, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	v, err := d.property(ctx, watcherName, "/StatusNotifierWatcher", watcherName, "RegisteredStatusNotifierItems")
	if err != nil {
		return nil, err
	}
	names, ok := v.Value().([]string)
	if !ok {
		return nil, fmt.Errorf("read the tray: its list is %s", v)
	}
	var items []TrayItem
	for _, name := range names {
		item, err := d.trayItem(ctx, name)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	return items, nil
}

// WaitTrayItem returns the tray's icon whose ID or title has the given text in
// it, once there is one that satisfies ready (nil: any).
func (d *Desktop) WaitTrayItem(ctx context.Context, text string, ready func(TrayItem) bool) (TrayItem, error) {
	var found TrayItem
	err := d.poll(ctx, fmt.Sprintf("the tray icon %q", text), func() (bool, string, error) {
		items, err := d.TrayItems(ctx)
		if err != nil { // one may be on its way in or out
			return false, err.Error(), nil
		}
		var seen []string
		for _, item := range items {
			seen = append(seen, fmt.Sprintf("%s (%s, tooltip %q)", item.Title, item.ID, item.Tooltip))
			named := strings.Contains(item.ID, text) || strings.Contains(item.Title, text)
			if named && (ready == nil || ready(item)) {
				found = item
				return true, "", nil
			}
		}
		return false, "icons " + strings.Join(seen, ", "), nil
	})
	return found, err
}

// Activate does what a click on the icon does.
func (d *Desktop) Activate(ctx context.Context, item TrayItem) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	err := d.bus.Object(item.service, item.path).CallWithContext(ctx, itemInterface+".Activate", 0, int32(0), int32(0)).Err
	if err != nil {
		return fmt.Errorf("activate the tray icon %s: %w", item.ID, err)
	}
	return nil
}

// trayItem reads the item that is on the tray's list under a name: a bus name,
// and mostly a path behind it.
func (d *Desktop) trayItem(ctx context.Context, name string) (TrayItem, error) {
	item := TrayItem{service: name, path: "/StatusNotifierItem"}
	if i := strings.IndexByte(name, '/'); i > 0 {
		item.service, item.path = strings.TrimSuffix(name[:i], "@"), dbus.ObjectPath(name[i:])
	}
	var all map[string]dbus.Variant
	err := d.bus.Object(item.service, item.path).CallWithContext(ctx, "org.freedesktop.DBus.Properties.GetAll", 0, itemInterface).Store(&all)
	if err != nil {
		return item, fmt.Errorf("read the tray icon %s: %w", name, err)
	}
	item.ID, _ = all["Id"].Value().(string)
	item.Title, _ = all["Title"].Value().(string)
	item.Status, _ = all["Status"].Value().(string)
	item.menu, _ = all["Menu"].Value().(dbus.ObjectPath)
	var tip struct {
		Icon    string
		Pixmaps []pixmap
		Title   string
		Text    string
	}
	if all["ToolTip"].Store(&tip) == nil {
		item.Tooltip = strings.TrimSpace(tip.Title + "\n" + tip.Text)
	}
	var icons []pixmap
	if all["IconPixmap"].Store(&icons) == nil {
		item.Icon = largest(icons)
	}
	return item, nil
}

// pixmap as the StatusNotifierItem specification has it: rows of ARGB, each
// pixel in network byte order.
type pixmap struct {
	Width, Height int32
	Data          []byte
}

// largest picture of those whose data fits their size, nil if none does.
func largest(pixmaps []pixmap) *image.NRGBA {
	var best *image.NRGBA
	for _, p := range pixmaps {
		w, h := int(p.Width), int(p.Height)
		if w <= 0 || h <= 0 || len(p.Data)%4 != 0 || len(p.Data)/4 != w*h {
			continue
		}
		if best != nil && w <= best.Bounds().Dx() {
			continue
		}
		best = image.NewNRGBA(image.Rect(0, 0, w, h))
		for i := range w * h {
			argb := binary.BigEndian.Uint32(p.Data[4*i:])
			best.SetNRGBA(i%w, i/w, color.NRGBA{A: uint8(argb >> 24), R: uint8(argb >> 16), G: uint8(argb >> 8), B: uint8(argb)})
		}
	}
	return best
}
