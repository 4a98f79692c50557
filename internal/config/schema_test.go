package config

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"
)

// TestSchemaAgreesWithParse: what Parse takes, the schema takes, and each mistake that a schema can see it refuses.
func TestSchemaAgreesWithParse(t *testing.T) {
	schema := compileSchema(t)
	for _, file := range glob(t, "testdata/ok/*.yaml") {
		if err := validate(t, schema, file); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	for _, name := range []string{"unknown-keys", "missing", "types"} {
		if validate(t, schema, "testdata/err/"+name+".yaml") == nil {
			t.Errorf("%s: the schema takes what Parse refuses", name)
		}
	}
}

// TestSchemaHasTheKeysOfParse compares the keys of every section.
func TestSchemaHasTheKeysOfParse(t *testing.T) {
	content, err := os.ReadFile("testdata/ok/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, r := parse("full.yaml", content)
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	sections("", document, got)
	want := map[string][]string{}
	for section, keys := range r.keys {
		want[section] = slices.Sorted(slices.Values(keys))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("keys of Parse (-) and of the schema (+):\n%s", diff)
	}
}

// sections collects the properties of every object of a schema by the name that Parse gives it.
func sections(name string, node any, into map[string][]string) {
	object, ok := node.(map[string]any)
	if !ok {
		return
	}
	if properties, ok := object["properties"].(map[string]any); ok {
		into[name] = slices.Sorted(maps.Keys(properties))
		for key, value := range properties {
			sections(dotted(name, key), value, into)
		}
	}
	if items, ok := object["items"]; ok {
		sections(name+"[]", items, into)
	}
	sections(name+"[]", object["additionalProperties"], into)
}

func compileSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("schema.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func validate(t *testing.T, schema *jsonschema.Schema, file string) error {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var value any
	if err := yaml.Load(content, &value); err != nil {
		t.Fatal(err)
	}
	return schema.Validate(value)
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no file matches %s: %v", pattern, err)
	}
	return files
}
