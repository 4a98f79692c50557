package forgetest

import (
	"bytes"
	"context"
	_ "embed" // the description
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

//go:generate bash ../../../.ci/openapi
//go:embed testdata/github.json
var githubJSON []byte

// description is GitHub's own, trimmed by .ci/openapi to the operations that forge uses.
type description struct {
	doc        *openapi3.T
	operations []*operation
}

// operation is one method of one path.
type operation struct {
	// name is the method and the path's template.
	name, method string
	parts        []string
	path         string
	item         *openapi3.PathItem
	op           *openapi3.Operation
}

var load = sync.OnceValues(func() (*description, error) {
	doc, err := openapi3.NewLoader().LoadFromData(githubJSON)
	if err != nil {
		return nil, fmt.Errorf("read GitHub's description: %w", err)
	}
	d := &description{doc: doc}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			d.operations = append(d.operations, &operation{
				name: method + " " + path, method: method, parts: strings.Split(path, "/"), path: path, item: item, op: op,
			})
		}
	}
	// Where two templates match, the one with fewer parameters is meant.
	slices.SortFunc(d.operations, func(a, b *operation) int {
		return strings.Count(a.path, "{") - strings.Count(b.path, "{")
	})
	return d, nil
})

func (d *description) match(method, path string) (*operation, map[string]string, bool) {
	parts := strings.Split(path, "/")
	for _, op := range d.operations {
		if op.method != method || len(op.parts) != len(parts) {
			continue
		}
		params := map[string]string{}
		fits := true
		for i, part := range op.parts {
			if name, ok := strings.CutPrefix(part, "{"); ok {
				params[strings.TrimSuffix(name, "}")] = parts[i]
			} else if part != parts[i] {
				fits = false
			}
		}
		if fits {
			return op, params, true
		}
	}
	return nil, nil, false
}

func (d *description) route(op *operation) *routers.Route {
	return &routers.Route{Spec: d.doc, Path: op.path, PathItem: op.item, Method: op.method, Operation: op.op}
}

var options = &openapi3filter.Options{
	AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true, MultiError: true,
}

func (d *description) checkRequest(r *http.Request, op *operation, params map[string]string, body []byte) error {
	copied := r.Clone(context.Background())
	copied.Body = io.NopCloser(bytes.NewReader(body))
	copied.URL = &url.URL{Scheme: "http", Host: r.Host, Path: strings.TrimPrefix(r.URL.Path, "/api/v3"), RawQuery: r.URL.RawQuery}
	known := map[string]bool{}
	for _, list := range []openapi3.Parameters{op.op.Parameters, op.item.Parameters} {
		for _, p := range list {
			if p.Value.In == "query" {
				known[p.Value.Name] = true
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(copied.URL.Query())) {
		if !known[name] {
			return fmt.Errorf("query parameter %q is unknown", name)
		}
	}
	return openapi3filter.ValidateRequest(context.Background(), &openapi3filter.RequestValidationInput{
		Request: copied, PathParams: params, Route: d.route(op), Options: options,
	})
}

func (d *description) checkResponse(r *http.Request, op *operation, status int, h http.Header, body []byte) error {
	if op.op.Responses.Value(fmt.Sprint(status)) == nil {
		// 403, 404 and 5xx are possible anywhere, and not written down for each operation.
		if slices.Contains([]int{http.StatusForbidden, http.StatusNotFound}, status) || status >= 500 {
			return nil
		}
		return fmt.Errorf("status %d is not described", status)
	}
	return openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r, Route: d.route(op), Options: options},
		Status:                 status, Header: h, Body: io.NopCloser(bytes.NewReader(body)), Options: options,
	})
}

// fill makes the smallest value that the response's schema allows, with overlay on top.
func (d *description) fill(op *operation, status int, overlay any) any {
	response := op.op.Responses.Value(fmt.Sprint(status))
	if response == nil || response.Value.Content["application/json"] == nil {
		return overlay
	}
	return merge(response.Value.Content["application/json"].Schema.Value, overlay, 0)
}

// merge fills what the overlay leaves out.
func merge(schema *openapi3.Schema, overlay any, depth int) any {
	schema = resolve(schema)
	switch over := overlay.(type) {
	case map[string]any:
		out := map[string]any{}
		properties, required := members(schema)
		for _, name := range required {
			if p := properties[name]; p != nil {
				out[name] = smallest(p.Value, depth+1)
			}
		}
		for name, value := range over {
			if p := properties[name]; p != nil {
				out[name] = merge(p.Value, value, depth+1)
			} else {
				out[name] = value
			}
		}
		return out
	case []map[string]any:
		out := make([]any, 0, len(over))
		for _, item := range over {
			if schema.Items != nil {
				out = append(out, merge(schema.Items.Value, item, depth+1))
			} else {
				out = append(out, item)
			}
		}
		return out
	}
	return overlay
}

// resolve follows the first alternative that can hold something.
func resolve(s *openapi3.Schema) *openapi3.Schema {
	for _, list := range []openapi3.SchemaRefs{s.OneOf, s.AnyOf} {
		for _, one := range list {
			if one.Value.Type == nil || !one.Value.Type.Is("null") {
				return resolve(one.Value)
			}
		}
	}
	return s
}

// members are the properties of an object, those of its parts included.
func members(s *openapi3.Schema) (openapi3.Schemas, []string) {
	properties, required := openapi3.Schemas{}, slices.Clone(s.Required)
	maps.Copy(properties, s.Properties)
	for _, part := range s.AllOf {
		p, r := members(resolve(part.Value))
		maps.Copy(properties, p)
		required = append(required, r...)
	}
	return properties, required
}

func smallest(s *openapi3.Schema, depth int) any {
	if s.Nullable || depth > 12 {
		return nil
	}
	s = resolve(s)
	if s.Nullable {
		return nil
	}
	if len(s.Enum) > 0 {
		return s.Enum[0]
	}
	switch {
	case len(s.AllOf) > 0, len(s.Properties) > 0, s.Type != nil && s.Type.Is("object"):
		return merge(s, map[string]any{}, depth)
	case s.Type == nil:
		return nil
	case s.Type.Is("array"):
		return []any{}
	case s.Type.Is("integer"), s.Type.Is("number"):
		return 0
	case s.Type.Is("boolean"):
		return false
	}
	switch s.Format {
	case "date-time":
		return "2026-01-01T00:00:00Z"
	case "uri":
		return "https://github.example/"
	case "email":
		return "nobody@example.com"
	}
	return strings.Repeat("x", int(s.MinLength))
}
