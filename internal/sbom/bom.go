package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// What CycloneDX 1.5 calls these, as far as it is used here
// (https://cyclonedx.org/docs/1.5/json/).
type (
	bom struct {
		Schema       string       `json:"$schema"`
		Format       string       `json:"bomFormat"`
		Spec         string       `json:"specVersion"`
		Serial       string       `json:"serialNumber,omitempty"`
		Version      int          `json:"version"`
		Metadata     metadata     `json:"metadata"`
		Components   []component  `json:"components"`
		Dependencies []dependency `json:"dependencies"`
	}
	metadata struct {
		Timestamp string    `json:"timestamp"`
		Component component `json:"component"`
	}
	component struct {
		Type       string          `json:"type"`
		Ref        string          `json:"bom-ref"`
		Name       string          `json:"name"`
		Version    string          `json:"version,omitempty"`
		Hashes     []hash          `json:"hashes,omitempty"`
		Licences   []licenceChoice `json:"licenses,omitempty"`
		URL        string          `json:"purl,omitempty"`
		Components []component     `json:"components,omitempty"`
		Properties []property      `json:"properties,omitempty"`
	}
	hash struct {
		Algorithm string `json:"alg"`
		Content   string `json:"content"`
	}
	licenceChoice struct {
		Licence licenceID `json:"license"`
	}
	licenceID struct {
		ID string `json:"id"`
	}
	property struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	dependency struct {
		Ref string   `json:"ref"`
		On  []string `json:"dependsOn,omitempty"`
	}
)

// bom is the bill of materials: the programs, and the modules that they contain.
func (p *product) bom() ([]byte, error) {
	licensed := func(id string) []licenceChoice { return []licenceChoice{{licenceID{id}}} }
	top := component{Type: "application", Name: p.name, Version: p.version, URL: "pkg:golang/" + self + "@v" + p.version, Licences: licensed("Apache-2.0")}
	top.Ref = top.URL
	for _, f := range p.programs {
		top.Components = append(top.Components, component{Type: "file", Ref: "file:" + f.name, Name: f.name, Hashes: []hash{{"SHA-256", f.sum}}})
	}
	all := dependency{Ref: top.Ref}
	b := bom{Schema: "http://cyclonedx.org/schema/bom-1.5.schema.json", Format: "CycloneDX", Spec: "1.5", Version: 1,
		Metadata: metadata{Timestamp: p.made.Format(time.RFC3339), Component: top}}
	for _, m := range p.modules {
		c := component{Type: "library", Name: m.path, Version: m.version, URL: "pkg:golang/" + m.path + "@" + strings.ReplaceAll(m.version, "+", "%2B"), Licences: licensed(m.licence)}
		c.Ref = c.URL
		if m.sum != "" {
			c.Properties = []property{{"go:sum", m.sum}}
		}
		b.Components = append(b.Components, c)
		all.On = append(all.On, c.Ref)
	}
	b.Dependencies = []dependency{all}
	// The serial number is that of its content, so that the same is the same.
	plain, err := json.Marshal(b)
	if err != nil {
		return nil, fmt.Errorf("write the bill of materials: %w", err)
	}
	sum := sha256.Sum256(plain)
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80 // version 8, of RFC 9562: the maker's own
	b.Serial = fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(b); err != nil {
		return nil, fmt.Errorf("write the bill of materials: %w", err)
	}
	return out.Bytes(), nil
}
