//go:build linux

package desktop

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/godbus/dbus/v5"
)

const menuInterface = "com.canonical.dbusmenu"

// Menu is what a tray icon's menu says.
type Menu []MenuItem

// MenuItem is one line of a menu.
type MenuItem struct {
	ID        int32
	Label     string
	Enabled   bool
	Checked   bool
	Separator bool
	Icon      bool // whether it has a picture
	Items     Menu
}

// String is the menu as text, one line an item: the label, a mark in brackets
// for one that is checked or disabled, dashes for a separator, and two spaces
// more for each level below.
func (m Menu) String() string {
	var b strings.Builder
	m.write(&b, "")
	return b.String()
}

func (m Menu) write(b *strings.Builder, indent string) {
	for _, item := range m {
		b.WriteString(indent)
		switch {
		case item.Separator:
			b.WriteString("---")
		default:
			b.WriteString(item.Label)
		}
		if item.Checked {
			b.WriteString(" [checked]")
		}
		if !item.Enabled && !item.Separator {
			b.WriteString(" [disabled]")
		}
		b.WriteByte('\n')
		item.Items.write(b, indent+"  ")
	}
}

// Find is the item below these labels, one for each level.
func (m Menu) Find(labels ...string) (MenuItem, bool) {
	for i, label := range labels {
		at := slices.IndexFunc(m, func(item MenuItem) bool { return !item.Separator && item.Label == label })
		if at < 0 {
			break
		}
		if i == len(labels)-1 {
			return m[at], true
		}
		m = m[at].Items
	}
	return MenuItem{}, false
}

// TrayMenu is the menu of a tray icon as it is now. An application that
// rebuilds its menu may show it half built for some moments: to wait for what
// should be there, use [Desktop.WaitTrayMenu].
func (d *Desktop) TrayMenu(ctx context.Context, item TrayItem) (Menu, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	if item.menu == "" {
		return nil, fmt.Errorf("read the menu of the tray icon %s: it has none", item.ID)
	}
	var revision uint32
	var root layout
	err := d.bus.Object(item.service, item.menu).CallWithContext(ctx, menuInterface+".GetLayout", 0,
		int32(0), int32(-1), []string{}).Store(&revision, &root)
	if err != nil {
		return nil, fmt.Errorf("read the menu of the tray icon %s: %w", item.ID, err)
	}
	menu, err := root.menu()
	if err != nil {
		return nil, fmt.Errorf("read the menu of the tray icon %s: %w", item.ID, err)
	}
	return menu, nil
}

// WaitTrayMenu returns the menu of a tray icon once it satisfies ready.
func (d *Desktop) WaitTrayMenu(ctx context.Context, item TrayItem, what string, ready func(Menu) bool) (Menu, error) {
	var menu Menu
	err := d.poll(ctx, what+" in the tray menu", func() (ok bool, seen string, err error) {
		if menu, err = d.TrayMenu(ctx, item); err != nil {
			return false, err.Error(), nil
		}
		return ready(menu), "\n" + menu.String(), nil
	})
	return menu, err
}

// ClickTrayMenu chooses the item below these labels in the menu of a tray
// icon, as soon as it is there and enabled.
func (d *Desktop) ClickTrayMenu(ctx context.Context, item TrayItem, labels ...string) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	menu, err := d.WaitTrayMenu(ctx, item, strings.Join(labels, " > "), func(m Menu) bool {
		found, ok := m.Find(labels...)
		return ok && found.Enabled
	})
	if err != nil {
		return err
	}
	found, _ := menu.Find(labels...)
	err = d.bus.Object(item.service, item.menu).CallWithContext(ctx, menuInterface+".Event", 0,
		found.ID, "clicked", dbus.MakeVariant(int32(0)), uint32(0)).Err
	if err != nil {
		return fmt.Errorf("choose %s: %w", strings.Join(labels, " > "), err)
	}
	return nil
}

// layout is an item of a dbusmenu and what is below it.
type layout struct {
	ID         int32
	Properties map[string]dbus.Variant
	Children   []dbus.Variant
}

// menu is what lies below an item, without what the application hides.
func (l layout) menu() (Menu, error) {
	var m Menu
	for _, v := range l.Children {
		var child layout
		if err := v.Store(&child); err != nil {
			return nil, errors.Join(errors.New("an item is malformed"), err)
		}
		if visible, ok := child.Properties["visible"].Value().(bool); ok && !visible {
			continue
		}
		below, err := child.menu()
		if err != nil {
			return nil, err
		}
		m = append(m, child.item(below))
	}
	return m, nil
}

func (l layout) item(below Menu) MenuItem {
	item := MenuItem{ID: l.ID, Enabled: true, Items: below}
	item.Label, _ = l.Properties["label"].Value().(string)
	// An underscore marks the key to press; a doubled one is meant.
	item.Label = strings.NewReplacer("__", "_", "_", "").Replace(item.Label)
	if enabled, ok := l.Properties["enabled"].Value().(bool); ok {
		item.Enabled = enabled
	}
	state, _ := l.Properties["toggle-state"].Value().(int32)
	item.Checked = state == 1
	kind, _ := l.Properties["type"].Value().(string)
	item.Separator = kind == "separator"
	data, _ := l.Properties["icon-data"].Value().([]byte)
	item.Icon = len(data) > 0
	return item
}
