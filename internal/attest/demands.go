package attest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"

	"go.yaml.in/yaml/v4"
)

// Demands are a deployer's own rules, beyond that all claims hold. The zero value asks for nothing more.
type Demands struct {
	// Policies are the digests of accepted policies.
	Policies []string `yaml:"policies"`
	// Sources are URLs of accepted repositories, Builders the names of accepted build systems, as provenance has them.
	Sources  []string `yaml:"sources"`
	Builders []string `yaml:"builders"`
	// Metrics bound what the model scored over all evaluation rows.
	Metrics map[string]Bound `yaml:"metrics"`
	// NoWarnings refuses a verdict that passed with warnings.
	NoWarnings bool `yaml:"no_warnings"`
	// MaxAgeDays bounds the age of the commit; 0 for any age.
	MaxAgeDays int `yaml:"max_age_days"`
}

// Bound is a closed range of a metric; an end that is nil is open.
type Bound struct {
	Min *float64 `yaml:"min"`
	Max *float64 `yaml:"max"`
}

var digestRE = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// ParseDemands reads demands in YAML; name is what messages call the file. An unknown key is an error, for a rule that
// is not read is a rule that does not hold.
func ParseDemands(name string, text []byte) (Demands, error) {
	var d Demands
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&d); err != nil {
		if errors.Is(err, io.EOF) {
			return d, fmt.Errorf("read %s: it is empty; want policies, sources, builders, metrics, no_warnings or max_age_days", name)
		}
		return d, fmt.Errorf("read %s: %w", name, err)
	}
	if err := decoder.Decode(new(Demands)); !errors.Is(err, io.EOF) {
		return d, fmt.Errorf("read %s: it holds a second document, want one", name)
	}
	for _, p := range d.Policies {
		if !digestRE.MatchString(p) {
			return d, fmt.Errorf("read %s: policies: %q is not a digest, want sha256: and 64 hex digits", name, p)
		}
	}
	for _, metric := range sortedKeys(d.Metrics) {
		if b := d.Metrics[metric]; b.Min == nil && b.Max == nil {
			return d, fmt.Errorf("read %s: metrics: %s has neither min nor max", name, metric)
		}
	}
	if d.MaxAgeDays < 0 {
		return d, fmt.Errorf("read %s: max_age_days is %d, want a number of days", name, d.MaxAgeDays)
	}
	return d, nil
}
