package api

import (
	"encoding/json"
	"net/http"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

const guide = `A recommendation engine: post events, ask for recommendations.

Send a key as ` + "`Authorization: Bearer kd_…`" + `. It has scopes: *read* (recommendations, one item or user), *write* (events, items, users), *admin* (everything).

Every error is a problem (RFC 9457) whose ` + "`errors`" + ` name each fault and its place, such as ` + "`body.events[3].time`" + `. 400: not JSON. 401, 403: no key, or one without the scope. 413: more than 16 MB. 415: not plain JSON (a body has Content-Type application/json and no Content-Encoding). 422: not valid. 503: try again after the seconds that Retry-After says. Unknown fields and parameters are errors. A write that is answered with an error has stored nothing.`

// describe makes the OpenAPI description of the routes that have a summary.
// Schemas come from the very types that bodies are encoded from.
func describe(version string, routes []route) ([]byte, error) {
	schemas := huma.NewMapRegistry("#/components/schemas/", schemaName)
	doc := &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info:    &huma.Info{Title: "Kindred", Version: version, Description: guide, License: &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"}},
		Paths:   map[string]*huma.PathItem{},
		Components: &huma.Components{
			Schemas:         schemas,
			SecuritySchemes: map[string]*huma.SecurityScheme{"key": {Type: "http", Scheme: "bearer"}},
		},
	}
	for _, rt := range routes {
		if rt.tag == "" {
			continue // a part of the documentation page itself
		}
		if !slices.ContainsFunc(doc.Tags, func(t *huma.Tag) bool { return t.Name == rt.tag }) {
			doc.Tags = append(doc.Tags, &huma.Tag{Name: rt.tag})
		}
		item := doc.Paths[rt.path]
		if item == nil {
			item = &huma.PathItem{}
			doc.Paths[rt.path] = item
		}
		op, err := operation(schemas, rt)
		if err != nil {
			return nil, err
		}
		switch rt.method {
		case http.MethodGet:
			item.Get = op
		case http.MethodPut:
			item.Put = op
		case http.MethodPost:
			item.Post = op
		case http.MethodDelete:
			item.Delete = op
		}
	}
	for _, schema := range schemas.Map() {
		for _, property := range schema.Properties {
			property.Nullable = false // absent rather than null, in all that is sent
		}
	}
	return json.Marshal(doc)
}

// schemaName names a schema after its type: itemBody is Item, and a type of
// another package is named by that, too: check.Report is CheckReport.
func schemaName(t reflect.Type, hint string) string {
	name := strings.TrimSuffix(huma.DefaultSchemaNamer(t, hint), "Body")
	if name == "" {
		return hint
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if room := strings.TrimPrefix(t.PkgPath(), "kindred/"); t.Name() != "" && room != "api" && room != t.PkgPath() {
		name = upper(path.Base(room)) + upper(name)
	}
	return upper(name)
}

func upper(name string) string { return strings.ToUpper(name[:1]) + name[1:] }

func operation(schemas huma.Registry, rt route) (*huma.Operation, error) {
	op := &huma.Operation{
		OperationID: operationID(rt), Tags: []string{rt.tag}, Summary: rt.summary, Description: rt.detail,
		Responses: map[string]*huma.Response{}, Security: []map[string][]string{},
	}
	if rt.scope != "" {
		op.Security = []map[string][]string{{"key": {}}}
		op.Description = strings.TrimSpace(rt.detail + " Needs the scope *" + rt.scope + "*.")
	}
	if strings.Contains(rt.path, "{id}") {
		op.Parameters = append(op.Parameters, &huma.Param{
			Name: "id", In: "path", Required: true, Example: exampleID(rt.path), Schema: &huma.Schema{Type: huma.TypeString},
		})
	}
	for _, p := range rt.query {
		op.Parameters = append(op.Parameters, &huma.Param{
			Name: p.name, In: "query", Description: p.detail, Example: p.example, Schema: &huma.Schema{Type: p.kind},
		})
	}
	if rt.body != nil {
		content, err := mediaType(schemas, rt.body)
		if err != nil {
			return nil, err
		}
		op.RequestBody = &huma.RequestBody{Required: true, Content: content}
	}
	for _, a := range rt.answers {
		response := &huma.Response{Description: http.StatusText(a.status)}
		if a.body != nil {
			content, err := mediaType(schemas, a.body)
			if err != nil {
				return nil, err
			}
			response.Content = content
		}
		op.Responses[strconv.Itoa(a.status)] = response
	}
	op.Responses["default"] = &huma.Response{
		Description: "A problem",
		Content: map[string]*huma.MediaType{
			"application/problem+json": {Schema: schemas.Schema(reflect.TypeFor[problem](), true, "")},
		},
	}
	return op, nil
}

// operationID names an operation after its method and path: post-v1-events.
func operationID(rt route) string {
	words := strings.FieldsFunc(rt.path, func(c rune) bool { return strings.ContainsRune("/{}._", c) })
	return strings.Join(append([]string{strings.ToLower(rt.method)}, words...), "-")
}

func mediaType(schemas huma.Registry, example any) (map[string]*huma.MediaType, error) {
	text := &huma.Schema{Type: huma.TypeString}
	switch example := example.(type) {
	case plainText:
		return map[string]*huma.MediaType{"text/plain": {Schema: text, Example: string(example)}}, nil
	case jsonLines:
		return map[string]*huma.MediaType{"application/x-ndjson": {Schema: text, Example: string(example)}}, nil
	case htmlText:
		return map[string]*huma.MediaType{"text/html": {Schema: text, Example: string(example)}}, nil
	}
	// The example goes through JSON, for huma encodes it by other rules.
	data, err := json.Marshal(example)
	if err != nil {
		return nil, err
	}
	var plain any
	if err := json.Unmarshal(data, &plain); err != nil {
		return nil, err
	}
	schema := schemas.Schema(reflect.TypeOf(example), true, "")
	return map[string]*huma.MediaType{"application/json": {Schema: schema, Example: plain}}, nil
}
