package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// described is what this test reads of an OpenAPI description.
type described struct {
	Paths      map[string]map[string]describedOperation
	Components struct{ Schemas map[string]schemaOf }
}

type describedOperation struct {
	Parameters []struct {
		Name, In string
		Example  any
	}
	RequestBody struct {
		Content map[string]struct{ Example json.RawMessage }
	}
	Responses map[string]struct {
		Content map[string]struct{ Schema schemaOf }
	}
}

type schemaOf struct {
	Ref                  string `json:"$ref"`
	Type                 string
	Properties           map[string]schemaOf
	Required             []string
	AdditionalProperties json.RawMessage
	Items                *schemaOf
	Enum                 []any
	OneOf                []schemaOf
}

// TestDescription calls every operation of the description with its example,
// and expects an answer that is described.
func TestDescription(t *testing.T) {
	d := newDoor(t)
	var doc described
	must(t, json.Unmarshal(d.ask("GET", "/openapi.json", "", "").Body.Bytes(), &doc))
	called := 0
	for _, method := range []string{"put", "post", "get", "delete"} { // in this order all that is asked for is there
		for _, path := range slices.Sorted(maps.Keys(doc.Paths)) {
			if op, ok := doc.Paths[path][method]; ok {
				called++
				t.Run(method+" "+path, func(t *testing.T) { d.callExample(t, &doc, strings.ToUpper(method), path, &op) })
			}
		}
	}
	if called < 25 {
		t.Errorf("only %d operations are described", called)
	}
}

func (d *door) callExample(t *testing.T, doc *described, method, path string, op *describedOperation) {
	t.Helper()
	query := url.Values{}
	for _, p := range op.Parameters {
		switch {
		case p.In == "path":
			path = strings.ReplaceAll(path, "{"+p.Name+"}", url.PathEscape(fmt.Sprint(p.Example)))
		case p.Example == nil:
			t.Errorf("the parameter %s has no example", p.Name)
		default:
			query.Set(p.Name, fmt.Sprint(p.Example))
		}
	}
	w := d.ask(method, path+"?"+query.Encode(), ScopeAdmin, string(op.RequestBody.Content["application/json"].Example))
	response, isDescribed := op.Responses[strconv.Itoa(w.Code)]
	if !isDescribed || w.Code >= 300 {
		t.Fatalf("got %d %s", w.Code, w.Body)
	}
	kind, _, _ := strings.Cut(w.Header().Get("Content-Type"), ";")
	content, isDescribed := response.Content[kind]
	if w.Code != http.StatusNoContent && !isDescribed {
		t.Fatalf("the answer is %s; described are %v", kind, response.Content)
	}
	if kind == "application/json" {
		var body any
		must(t, json.Unmarshal(w.Body.Bytes(), &body))
		for _, fault := range doc.faults("body", &content.Schema, body) {
			t.Error(fault)
		}
	}
}

// faults says in what a value is not as its schema says.
func (doc *described) faults(place string, s *schemaOf, value any) (faults []string) {
	if name, isRef := strings.CutPrefix(s.Ref, "#/components/schemas/"); isRef {
		named, known := doc.Components.Schemas[name]
		if !known {
			return []string{place + ": there is no schema " + name}
		}
		return doc.faults(place, &named, value)
	}
	if len(s.OneOf) > 0 {
		fits := func(s schemaOf) bool { return len(doc.faults(place, &s, value)) == 0 }
		if !slices.ContainsFunc(s.OneOf, fits) {
			faults = append(faults, fmt.Sprintf("%s: %v is nothing that it may be", place, value))
		}
	}
	if len(s.Enum) > 0 && !slices.Contains(s.Enum, value) {
		faults = append(faults, fmt.Sprintf("%s: %v is none of %v", place, value, s.Enum))
	}
	got := "null"
	switch v := value.(type) {
	case string:
		got = "string"
	case bool:
		got = "boolean"
	case float64:
		if got = "number"; s.Type == "integer" && v == float64(int64(v)) {
			got = "integer"
		}
	case []any:
		got = "array"
		for i := range v {
			if s.Items != nil {
				faults = append(faults, doc.faults(fmt.Sprintf("%s[%d]", place, i), s.Items, v[i])...)
			}
		}
	case map[string]any:
		got = "object"
		faults = append(faults, doc.objectFaults(place, s, v)...)
	}
	if s.Type != "" && got != s.Type {
		faults = append(faults, fmt.Sprintf("%s: %v is not of type %s", place, value, s.Type))
	}
	return faults
}

func (doc *described) objectFaults(place string, s *schemaOf, object map[string]any) (faults []string) {
	for _, name := range s.Required {
		if _, given := object[name]; !given {
			faults = append(faults, place+"."+name+": is required")
		}
	}
	for name, value := range object {
		property, known := s.Properties[name]
		if !known && string(s.AdditionalProperties) == "false" {
			faults = append(faults, place+"."+name+": is not described")
		}
		if known {
			faults = append(faults, doc.faults(place+"."+name, &property, value)...)
		}
	}
	return faults
}
