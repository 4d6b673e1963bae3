package config

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/invopop/jsonschema"
	"go.yaml.in/yaml/v4"

	"github.com/tidegate/tidegate/internal/resource"
	"github.com/tidegate/tidegate/internal/wire"
)

//go:generate go test -run TestSchemaIsCurrent -update .

// SchemaID is where the schema is said to be.
const SchemaID = "https://tidegate.org/v1/tidegate.schema.json"

// specs are the kinds of resources with what stands under spec.
var specs = []struct {
	kind, about string
	spec        any
}{
	{"Controller", "The controller itself; a configuration has one.", controllerSpec{}},
	{"User", "Somebody who may sign in.", userSpec{}},
	{"Group", "Users who are spoken of together.", groupSpec{}},
	{"Site", "What gateways protect.", siteSpec{}},
	{"Gateway", "One of a site's gateways.", gatewaySpec{}},
	{"CriteriaScript", "An outside value, which criteria read as scripts.NAME; the name's - and . are read as _.", criteriaScriptSpec{}},
	{"EntitlementScript", "Finds out the hosts of an entitlement's action.", entitlementScriptSpec{}},
	{"DeviceClaim", "What devices find out about themselves and report, not attested; criteria read it as device.NAME.", deviceClaimSpec{}},
	{"Transmitter", "May signal events about users from outside (RFC 8417, RFC 8935).", transmitterSpec{}},
	{"Condition", "Guards entitlements.", conditionSpec{}},
	{"Entitlement", "Destinations at a site, with conditions and shortcuts.", entitlementSpec{}},
	{"Policy", "Gives entitlements to users.", policySpec{}},
	{CaseKind, "What the configuration must decide, for tidegate-server policy test.", CaseSpec{}},
}

// Schema returns the JSON Schema (draft 2020-12) of a resource, whatever its
// kind, indented. It is generated from the types that resources are read into.
func Schema() ([]byte, error) {
	r := &jsonschema.Reflector{FieldNameTag: "yaml", RequiredFromJSONSchemaTags: true, Anonymous: true, Mapper: mapped, Namer: named}
	root := &jsonschema.Schema{
		Version: jsonschema.Version, ID: SchemaID, Title: "Tidegate's resources",
		Description: "One document of a configuration of Tidegate.",
		Definitions: jsonschema.Definitions{"Metadata": metadata()},
	}
	for _, s := range specs {
		spec := r.Reflect(s.spec)
		for name, d := range spec.Definitions {
			root.Definitions[name] = d
		}
		name := named(reflect.TypeOf(s.spec))
		doc := object(s.kind, s.about)
		doc.Properties.Set("apiVersion", &jsonschema.Schema{Const: resource.APIVersion})
		doc.Properties.Set("kind", &jsonschema.Schema{Const: s.kind, Description: s.about})
		doc.Properties.Set("metadata", &jsonschema.Schema{Ref: "#/$defs/Metadata"})
		doc.Properties.Set("spec", &jsonschema.Schema{Ref: "#/$defs/" + name})
		doc.Required = []string{"apiVersion", "kind", "metadata"}
		if d := root.Definitions[name]; len(d.Required) > 0 || len(d.OneOf) > 0 {
			doc.Required = append(doc.Required, "spec")
		}
		root.OneOf = append(root.OneOf, doc)
	}
	b, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("generate the schema: %w", err)
	}
	return append(b, '\n'), nil
}

func object(title, about string) *jsonschema.Schema {
	return &jsonschema.Schema{Title: title, Description: about, Type: "object", Properties: jsonschema.NewProperties(), AdditionalProperties: jsonschema.FalseSchema}
}

func metadata() *jsonschema.Schema {
	m := object("", "")
	m.Properties.Set("name", &jsonschema.Schema{
		Type: "string", Pattern: fmt.Sprintf("^[a-z0-9][a-z0-9._-]{0,%d}$", wire.MaxID-1),
		Description: "By which other resources name it; unique among those of its kind.",
	})
	m.Required = []string{"name"}
	return m
}

// named is what the definition of a type is called.
func named(t reflect.Type) string {
	n := strings.TrimSuffix(t.Name(), "Spec")
	if n == "" {
		return t.Name()
	}
	return strings.ToUpper(n[:1]) + n[1:]
}

// mapped are the schemas of types that read themselves from text.
func mapped(t reflect.Type) *jsonschema.Schema {
	text := func(s jsonschema.Schema) *jsonschema.Schema { s.Type = "string"; return &s }
	zero := &jsonschema.Schema{Const: 0}
	switch t {
	case reflect.TypeFor[wire.Duration]():
		return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{text(jsonschema.Schema{Pattern: `^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`}), zero}}
	case reflect.TypeFor[period]():
		return &jsonschema.Schema{Enum: []any{"5m", "15m", "1h", "60m", "0", "0s", 0}}
	case reflect.TypeFor[CaseTime]():
		return text(jsonschema.Schema{})
	case reflect.TypeFor[*yaml.Node]():
		return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{{Type: "boolean"}, {Type: "integer"}, {Type: "string"}, {Type: "array", Items: text(jsonschema.Schema{})}}}
	}
	return nil
}
