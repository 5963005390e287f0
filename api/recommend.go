package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"kindred"
	"kindred/filter"
	"kindred/recommend"
)

// Limits of a request for recommendations.
const (
	defaultN   = 10
	maxN       = 500
	maxExclude = 1000
	maxSession = 500
	maxFilter  = 1 << 10

	maxPooledAnswer = 64 << 10 // bytes; a list of 20 takes 5,000
)

const tagRecommendations = "Recommendations"

// answerBody is the answer to every request for recommendations. It documents;
// appendAnswer encodes the same by hand.
type answerBody struct {
	RequestID string            `json:"request_id" doc:"Give this with the events that the list leads to."`
	Model     *modelRefBody     `json:"model" doc:"The model that answered; null if none is live."`
	Items     []recommendedBody `json:"items"`
	Trace     *recommend.Trace  `json:"trace,omitempty" doc:"With explain=true: how many candidates each stage left, and how long it took."`
}

type modelRefBody struct {
	Version string `json:"version"`
	Kind    string `json:"kind"`
}

// Schema says that it may be null, which the field's tag cannot say.
func (*modelRefBody) Schema(huma.Registry) *huma.Schema {
	text := &huma.Schema{Type: huma.TypeString}
	return &huma.Schema{OneOf: []*huma.Schema{
		{
			Type: huma.TypeObject, Properties: map[string]*huma.Schema{"version": text, "kind": text},
			Required: []string{"version", "kind"}, AdditionalProperties: false,
		},
		{Type: "null"},
	}}
}

type recommendedBody struct {
	ID         kindred.ItemID `json:"id" example:"mug-red"`
	Score      float64        `json:"score" doc:"Comparable within one source only." example:"0.82"`
	Source     string         `json:"source" doc:"What proposed it: a model's kind, similar, popular, trending or newest." example:"ials"`
	Reason     reasonBody     `json:"reason"`
	Title      string         `json:"title,omitempty" example:"Red Mug"`
	Categories []string       `json:"categories,omitempty"`
	Price      float64        `json:"price,omitempty" example:"12.5"`
	SalePrice  float64        `json:"sale_price,omitempty" example:"9.5"`
	Group      kindred.ItemID `json:"group,omitempty" doc:"What it is a variant of." example:"mug"`
	Item       *itemBody      `json:"item,omitempty" doc:"With include=item."`
}

type reasonBody struct {
	Code string         `json:"code" doc:"because_viewed, because_bought, because_liked, like_similar_users, similar_to, popular, trending, new_arrival or session_next." example:"because_bought"`
	Item kindred.ItemID `json:"item,omitempty" example:"kettle"`
	Text string         `json:"text" example:"Because you bought “Kettle”"`
}

type sessionBody struct {
	Item kindred.ItemID `json:"item" example:"kettle"`
	Kind kindred.Kind   `json:"kind,omitempty" doc:"view if absent." example:"view"`
	Time any            `json:"time,omitempty" doc:"RFC 3339 text, or unix seconds; now if absent."`
}

type recommendBody struct {
	User        kindred.UserID   `json:"user,omitempty" doc:"Absent for a visitor without a name."`
	Session     []sessionBody    `json:"session,omitempty" maxItems:"500" doc:"What was done just now, the oldest first."`
	N           int              `json:"n,omitempty" minimum:"1" maximum:"500" example:"10"`
	Exclude     []kindred.ItemID `json:"exclude,omitempty" maxItems:"1000"`
	Category    string           `json:"category,omitempty"`
	Filter      string           `json:"filter,omitempty" example:"price<=20 and in_stock=true"`
	ContextItem kindred.ItemID   `json:"context_item,omitempty" doc:"The item being looked at."`
	Explain     bool             `json:"explain,omitempty"`
	SessionID   string           `json:"session_id,omitempty" doc:"The client's own session, as its events carry it. Kept with the list, for session features."`
	Context     map[string]any   `json:"context,omitempty" doc:"What the request says of itself, as attributes: at most 8 kB. Kept with the list, for context features."`
}

func (s *Server) recommendRoutes() []route {
	example := answerBody{
		RequestID: "0193a1c0-5b7e-7c3a-9f00-2a5d1c7e4b11", Model: &modelRefBody{exampleVersion, "ials"},
		Items: []recommendedBody{{
			ID: "mug-red", Score: 0.82, Source: "ials", Title: "Red Mug", Categories: []string{"Kitchen"}, Price: 12.5,
			Reason: reasonBody{"because_bought", "kettle", "Because you bought “Kettle”"},
		}},
	}
	n := param{name: "n", kind: "integer", detail: "How many items, 1 to 500; 10 if absent.", example: 10}
	exclude := param{name: "exclude", kind: "string", detail: "Ids not wanted, separated by commas; up to 1,000.", example: "mug-blue,mug-green"}
	category := param{name: "category", kind: "string", detail: "Only items of this category.", example: "Kitchen"}
	narrow := param{
		name: "filter", kind: "string", example: `price<=20 and brand="Acme"`,
		detail: `Only items for which this holds: up to 10 terms joined by "and", such as price<=20, brand="Acme", genres has "Comedy", in_stock=true.`,
	}
	contextItem := param{name: "context_item", kind: "string", detail: "The item being looked at.", example: "kettle"}
	session := param{name: "session_id", kind: "string", detail: "The client's own session, as its events carry it. Kept with the list, for session features.", example: "s-81f3"}
	explain := param{name: "explain", kind: "boolean", detail: "Add a trace.", example: true}
	include := param{name: "include", kind: "string", detail: "`item` adds each item's stored fields.", example: "item"}
	answers := []answer{{http.StatusOK, example}}
	get := func(path, summary string, handle handler, query ...param) route {
		return route{
			method: http.MethodGet, path: path, scope: ScopeRead, handle: handle, tag: tagRecommendations,
			summary: summary, query: append(query, explain, include), answers: answers,
		}
	}
	return []route{
		get("/v1/users/{id}/recommendations", "Recommendations for a user", s.getRecommendations, n, exclude, category, narrow, contextItem, session),
		{
			method: http.MethodPost, path: "/v1/recommendations", scope: ScopeRead, handle: s.postRecommendations, tag: tagRecommendations,
			summary: "Recommendations for a session, with or without a user", query: []param{include},
			body:    recommendBody{Session: []sessionBody{{Item: "kettle", Kind: kindred.View}}, N: 10},
			answers: answers,
		},
		get("/v1/items/{id}/similar", "Items like an item", s.getSimilar, n, exclude, category, narrow),
		get("/v1/popular", "What most users want", s.listing(s.deps.Recommender.Popular), n, exclude, category, narrow),
		get("/v1/trending", "What users want more than they used to", s.listing(s.deps.Recommender.Trending), n, exclude, category, narrow),
	}
}

func (s *Server) getRecommendations(w *recorder, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	q, err := readQuery(r, "n", "exclude", "category", "filter", "context_item", "session_id", "explain", "include")
	if err != nil {
		return err
	}
	ask, err := q.recommendation()
	if err != nil {
		return err
	}
	ask.User = kindred.UserID(id)
	ask.ContextItem = kindred.ItemID(q["context_item"])
	if len(ask.ContextItem) > kindred.MaxID {
		return invalid("the query is not valid", fault{"query.context_item", idFault(q["context_item"])})
	}
	if ask.SessionID, err = q.text("session_id"); err != nil {
		return err
	}
	return s.answerRecommendations(w, r, q, func(ctx context.Context) (recommend.Answer, error) {
		return s.deps.Recommender.Recommend(ctx, ask)
	})
}

func (s *Server) getSimilar(w *recorder, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	return s.list(w, r, func(ctx context.Context, ask recommend.Request) (recommend.Answer, error) {
		return s.deps.Recommender.Similar(ctx, kindred.ItemID(id), ask)
	})
}

// lister is one of the recommender's lists that are the same for all users.
type lister func(ctx context.Context, ask recommend.Request) (recommend.Answer, error)

func (s *Server) listing(list lister) handler {
	return func(w *recorder, r *http.Request) error { return s.list(w, r, list) }
}

func (s *Server) list(w *recorder, r *http.Request, list lister) error {
	q, err := readQuery(r, "n", "exclude", "category", "filter", "explain", "include")
	if err != nil {
		return err
	}
	ask, err := q.recommendation()
	if err != nil {
		return err
	}
	return s.answerRecommendations(w, r, q, func(ctx context.Context) (recommend.Answer, error) { return list(ctx, ask) })
}

// recommendation reads what all requests for recommendations have in common.
func (q query) recommendation() (ask recommend.Request, err error) {
	if ask.N, err = q.integer("n", defaultN, 1, maxN); err != nil {
		return ask, err
	}
	if ask.Explain, err = q.flag("explain"); err != nil {
		return ask, err
	}
	if list := q["exclude"]; list != "" {
		ids := strings.Split(list, ",")
		if len(ids) > maxExclude {
			return ask, invalid("the query is not valid", fault{"query.exclude", fmt.Sprintf("names more than %d items", maxExclude)})
		}
		for _, id := range ids {
			ask.Exclude = append(ask.Exclude, kindred.ItemID(id))
		}
	}
	ask.Filter, err = filterOf("query.", q["filter"], q["category"])
	return ask, err
}

// filterOf parses a filter and a category; the prefix says where they came from.
func filterOf(prefix, expr, category string) (*filter.Filter, error) {
	if len(expr) > maxFilter {
		return nil, invalid("the filter is not valid", fault{prefix + "filter", fmt.Sprintf("has more than %d bytes", maxFilter)})
	}
	if len(category) > kindred.MaxID {
		return nil, invalid("the filter is not valid", fault{prefix + "category", idFault(category)})
	}
	var keep *filter.Filter
	if expr != "" {
		var err error
		if keep, err = filter.Parse(expr); err != nil {
			return nil, invalid("the filter is not valid", fault{prefix + "filter", messageOf(err)})
		}
	}
	if category != "" {
		keep = keep.And(category)
	}
	return keep, nil
}

// messageOf returns what an error says to the user.
func messageOf(err error) string {
	var known *kindred.Error
	if !errors.As(err, &known) {
		return err.Error()
	}
	parts := []string{known.Message}
	for _, f := range known.Fields {
		parts = append(parts, f.Message)
	}
	return strings.Join(parts, ": ")
}

func (s *Server) postRecommendations(w *recorder, r *http.Request) error {
	q, err := readQuery(r, "include")
	if err != nil {
		return err
	}
	var ask recommend.Request
	err = s.withBody(w, r, func(body []byte) (err error) {
		ask, err = readRecommendation(body)
		return err
	})
	if err != nil {
		return err
	}
	return s.answerRecommendations(w, r, q, func(ctx context.Context) (recommend.Answer, error) {
		return s.deps.Recommender.Recommend(ctx, ask)
	})
}

// answerRecommendations asks, and answers.
func (s *Server) answerRecommendations(
	w *recorder, r *http.Request, q query, ask func(ctx context.Context) (recommend.Answer, error),
) error {
	if q["include"] != "" && q["include"] != "item" {
		return invalid("the query is not valid", fault{"query.include", "must be item, or be left out"})
	}
	found, err := ask(r.Context())
	if err != nil {
		return err
	}
	detail := appendSummary
	if q["include"] == "item" {
		detail = appendWhole
	}
	buffer, ok := s.answers.Get().(*[]byte)
	if !ok {
		buffer = new([]byte)
	}
	defer func() {
		if cap(*buffer) <= maxPooledAnswer { // larger ones are left to the collector
			s.answers.Put(buffer)
		}
	}()
	if *buffer, err = appendAnswer((*buffer)[:0], &found, s.deps.Recommender.Item, detail); err != nil {
		return fmt.Errorf("api: encoding recommendations: %w", err)
	}
	answerBytes(w, http.StatusOK, *buffer)
	return nil
}

// appendAnswer appends what json.Marshal would make of the answerBody, without
// reflection: this is the answer that is made most often.
func appendAnswer(
	b []byte, found *recommend.Answer, lookUp func(kindred.ItemID) (kindred.Item, bool),
	detail func([]byte, *kindred.Item) ([]byte, error),
) ([]byte, error) {
	b = appendString(append(b, `{"request_id":`...), found.RequestID)
	if found.Model == nil {
		b = append(b, `,"model":null`...)
	} else {
		b = appendString(append(b, `,"model":{"version":`...), found.Model.Version)
		b = appendString(append(b, `,"kind":`...), found.Model.Kind)
		b = append(b, '}')
	}
	b = append(b, `,"items":[`...)
	for i := range found.Items {
		if i > 0 {
			b = append(b, ',')
		}
		it := &found.Items[i]
		b = appendString(append(b, `{"id":`...), string(it.ID))
		b = appendNumber(append(b, `,"score":`...), it.Score)
		b = appendString(append(b, `,"source":`...), it.Source)
		b = appendString(append(b, `,"reason":{"code":`...), it.Reason.Code)
		if it.Reason.Item != "" {
			b = appendString(append(b, `,"item":`...), string(it.Reason.Item))
		}
		b = appendString(append(b, `,"text":`...), it.Reason.Text)
		b = append(b, '}')
		if item, known := lookUp(it.ID); known {
			var err error
			if b, err = detail(b, &item); err != nil {
				return nil, err
			}
		}
		b = append(b, '}')
	}
	b = append(b, ']')
	if found.Trace != nil {
		trace, err := json.Marshal(found.Trace)
		if err != nil {
			return nil, err
		}
		b = append(append(b, `,"trace":`...), trace...)
	}
	return append(b, '}'), nil
}

// appendSummary appends what a list usually shows of an item.
func appendSummary(b []byte, item *kindred.Item) ([]byte, error) {
	if item.Title != "" {
		b = appendString(append(b, `,"title":`...), item.Title)
	}
	if len(item.Categories) > 0 {
		b = append(b, `,"categories":[`...)
		for i, category := range item.Categories {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendString(b, category)
		}
		b = append(b, ']')
	}
	if item.Price != 0 {
		b = appendNumber(append(b, `,"price":`...), item.Price)
	}
	if item.SalePrice != 0 {
		b = appendNumber(append(b, `,"sale_price":`...), item.SalePrice)
	}
	if item.Group != "" {
		b = appendString(append(b, `,"group":`...), string(item.Group))
	}
	return b, nil
}

// appendWhole appends the summary, and all that is stored of the item.
func appendWhole(b []byte, item *kindred.Item) ([]byte, error) {
	whole, err := json.Marshal(newItemBody(*item))
	if err != nil {
		return nil, err
	}
	if b, err = appendSummary(b, item); err != nil {
		return nil, err
	}
	return append(append(b, `,"item":`...), whole...), nil
}

// appendNumber appends a number; one that JSON cannot write becomes null.
func appendNumber(b []byte, x float64) []byte {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return append(b, "null"...)
	}
	return strconv.AppendFloat(b, x, 'g', -1, 64)
}

// appendString appends a JSON string. Bytes that are not UTF-8 become U+FFFD.
func appendString(b []byte, s string) []byte {
	const hexDigits = "0123456789abcdef"
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	b = append(slices.Grow(b, len(s)+2), '"')
	start := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[start:i]...)
		if c < ' ' {
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		} else {
			b = append(b, '\\', c)
		}
		start = i + 1
	}
	return append(append(b, s[start:]...), '"')
}
