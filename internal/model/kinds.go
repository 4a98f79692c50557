package model

import (
	"encoding/json"
	"fmt"
	"strings"
)

// kind is one row of the table of kinds: what a model's "kind" may say, and how its part of the file is read.
type kind struct {
	name string
	// read makes the body from the kind's JSON value and the numbers of weights.bin, or says what is wrong with them.
	read func(h *header, part json.RawMessage, weights []float64) (body, error)
}

// kinds lists every kind. To add one, write a file with its body and add a row.
var kinds = []kind{
	{"constant", readConstant},
	{"linear", readLinear},
}

func findKind(name string) (kind, error) {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		if k.name == name {
			return k, nil
		}
		names[i] = k.name
	}
	return kind{}, fmt.Errorf("unknown kind %q: this weighlock knows %s", name, strings.Join(names, ", "))
}
