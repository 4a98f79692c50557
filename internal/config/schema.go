package config

import _ "embed"

//go:embed schema.json
var schemaJSON []byte

// Schema is the JSON Schema (draft 2020-12) of weighlock.yaml, for editors. Parse is stricter: it also checks how values
// fit each other.
func Schema() []byte { return append([]byte(nil), schemaJSON...) }
