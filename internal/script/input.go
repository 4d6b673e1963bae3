package script

import (
	"fmt"
	"time"

	"go.starlark.net/starlark"
)

// Input is what a script may read, as ctx.
type Input struct {
	User   User
	System System
	// Device are the device's claims by name, as ctx.device["os.name"]: true,
	// false, whole numbers, text and lists of text.
	Device map[string]any
	// Risk is ctx.risk; nil: None.
	Risk *int64
	// Responses are the stamps of the user's answers by kind, as
	// ctx.responses["mfa"], in seconds since 1970.
	Responses map[string]time.Time
	// Now is the caller's clock, as ctx.now, in seconds since 1970.
	Now time.Time
}

// User is ctx.user: name, display_name and groups.
type User struct {
	Name, DisplayName string
	Groups            []string
}

// System is ctx.system: address.
type System struct {
	Address string
}

// value is in as a frozen value.
func (in Input) value() (starlark.Value, error) {
	device, responses := starlark.NewDict(len(in.Device)), starlark.NewDict(len(in.Responses))
	for name, claim := range in.Device {
		v, err := claimValue(claim)
		if err != nil {
			return nil, fmt.Errorf("device claim %s: %w", name, err)
		}
		if err := device.SetKey(starlark.String(name), v); err != nil {
			return nil, err
		}
	}
	for kind, at := range in.Responses {
		if err := responses.SetKey(starlark.String(kind), starlark.MakeInt64(at.Unix())); err != nil {
			return nil, err
		}
	}
	var risk starlark.Value = starlark.None
	if in.Risk != nil {
		risk = starlark.MakeInt64(*in.Risk)
	}
	ctx := &record{"ctx", starlark.StringDict{
		"user": &record{"ctx.user", starlark.StringDict{
			"name":         starlark.String(in.User.Name),
			"display_name": starlark.String(in.User.DisplayName),
			"groups":       texts(in.User.Groups),
		}},
		"system":    &record{"ctx.system", starlark.StringDict{"address": starlark.String(in.System.Address)}},
		"device":    device,
		"risk":      risk,
		"responses": responses,
		"now":       starlark.MakeInt64(in.Now.Unix()),
	}}
	ctx.Freeze()
	return ctx, nil
}

// claimValue is a device claim, as JSON decodes it or as Go has it.
func claimValue(claim any) (starlark.Value, error) {
	switch c := claim.(type) {
	case bool:
		return starlark.Bool(c), nil
	case string:
		return starlark.String(c), nil
	case int:
		return starlark.MakeInt(c), nil
	case int64:
		return starlark.MakeInt64(c), nil
	case float64:
		if whole := int64(c); float64(whole) == c {
			return starlark.MakeInt64(whole), nil
		}
		return starlark.Float(c), nil
	case []string:
		return texts(c), nil
	case []any:
		list := make([]starlark.Value, len(c))
		for i, e := range c {
			s, ok := e.(string)
			if !ok {
				return nil, fmt.Errorf("a list of %T is no claim", e)
			}
			list[i] = starlark.String(s)
		}
		return starlark.NewList(list), nil
	}
	return nil, fmt.Errorf("%T is no claim", claim)
}

func texts(list []string) *starlark.List {
	values := make([]starlark.Value, len(list))
	for i, s := range list {
		values[i] = starlark.String(s)
	}
	return starlark.NewList(values)
}
