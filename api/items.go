package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"kindred"
	"kindred/store"
)

// attributes are kindred.Attributes with a description for OpenAPI.
type attributes kindred.Attributes

// Schema describes the short forms of kindred.Attribute.
func (attributes) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{
		Type: huma.TypeObject,
		Description: "Properties by name: a number, boolean, string, array of strings, array of numbers (a vector), " +
			`{"time": "2026-01-02T15:04:05Z"} or {"text": "prose"}.`,
		AdditionalProperties: &huma.Schema{},
	}
}

type itemBody struct {
	ID             kindred.ItemID `json:"id" maxLength:"256" example:"mug-red"`
	Title          string         `json:"title,omitempty" example:"Red Mug"`
	Categories     []string       `json:"categories,omitempty"`
	Group          kindred.ItemID `json:"group,omitempty" maxLength:"256" doc:"What it is a variant of: of those with the same group, a list has one at most." example:"mug"`
	Price          float64        `json:"price,omitempty" minimum:"0" doc:"In the shop's currency; absent if unknown." example:"12.5"`
	SalePrice      float64        `json:"sale_price,omitempty" minimum:"0" doc:"What is asked for at present instead of the price." example:"9.5"`
	Stock          *int64         `json:"stock,omitempty" minimum:"0" doc:"Pieces left; absent if they are not counted. Not recommended at 0." example:"3"`
	Backorder      bool           `json:"backorder,omitempty" doc:"Can be ordered when there are none left, and so is recommended."`
	AvailableFrom  *time.Time     `json:"available_from,omitempty" doc:"Recommended from this moment on."`
	AvailableUntil *time.Time     `json:"available_until,omitempty" doc:"Not recommended from this moment on."`
	Attributes     attributes     `json:"attributes,omitempty"`
	UpdatedAt      *time.Time     `json:"updated_at,omitempty" readOnly:"true"`
}

// itemFields is what an item is put as; the path has its id.
type itemFields struct {
	Title          string     `json:"title,omitempty" example:"Red Mug"`
	Categories     []string   `json:"categories,omitempty"`
	Group          string     `json:"group,omitempty" maxLength:"256" example:"mug"`
	Price          float64    `json:"price,omitempty" minimum:"0" example:"12.5"`
	SalePrice      float64    `json:"sale_price,omitempty" minimum:"0" example:"9.5"`
	Stock          *int64     `json:"stock,omitempty" minimum:"0" example:"3"`
	Backorder      bool       `json:"backorder,omitempty"`
	AvailableFrom  *time.Time `json:"available_from,omitempty"`
	AvailableUntil *time.Time `json:"available_until,omitempty"`
	Attributes     attributes `json:"attributes,omitempty"`
}

type itemsBody struct {
	Items []itemBody     `json:"items" maxItems:"10000"`
	Next  kindred.ItemID `json:"next,omitempty" doc:"Give this as after for the next page; absent on the last."`
}

type itemsBatch struct {
	Items []itemBody `json:"items" minItems:"1" maxItems:"10000"`
}

// putAnswer says what became of a batch of items or users.
type putAnswer struct {
	Stored   int      `json:"stored"`
	Valid    int      `json:"valid,omitempty" doc:"With validate_only: rows that would be stored."`
	Rejected int      `json:"rejected"`
	Results  []putRow `json:"results" doc:"The rejected rows."`
}

type putRow struct {
	Index  int     `json:"index"`
	ID     string  `json:"id,omitempty"`
	Errors []fault `json:"errors"`
}

func newItemBody(item kindred.Item) itemBody {
	return itemBody{
		ID: item.ID, Title: item.Title, Categories: item.Categories, Group: item.Group,
		Price: item.Price, SalePrice: item.SalePrice, Stock: item.Stock, Backorder: item.Backorder,
		AvailableFrom: timeOrNil(item.AvailableFrom), AvailableUntil: timeOrNil(item.AvailableUntil),
		Attributes: attributes(item.Attributes), UpdatedAt: timeOrNil(item.UpdatedAt),
	}
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func (s *Server) itemRoutes() []route {
	three := int64(3)
	example := itemBody{
		ID: "mug-red", Title: "Red Mug", Categories: []string{"Home > Kitchen"}, Group: "mug", Price: 12.5, Stock: &three,
		Attributes: attributes{"brand": kindred.StringOf("Acme"), "in_stock": kindred.BoolOf(true)},
	}
	fields := itemFields{
		Title: example.Title, Categories: example.Categories, Group: "mug", Price: example.Price, Stock: &three, Attributes: example.Attributes,
	}
	return []route{
		{
			method: http.MethodPut, path: "/v1/items/{id}", scope: ScopeWrite, handle: s.putItem, tag: "Items",
			query:   []param{validateOnlyParam()},
			summary: "Store an item", detail: "Replaces the whole item, if there is one.",
			body: fields, answers: []answer{{http.StatusOK, example}},
		},
		{
			method: http.MethodGet, path: "/v1/items/{id}", scope: ScopeRead, handle: s.getItem, tag: "Items",
			summary: "An item", answers: []answer{{http.StatusOK, example}},
		},
		{
			method: http.MethodDelete, path: "/v1/items/{id}", scope: ScopeWrite, handle: s.deleteItem, tag: "Items",
			summary: "Delete an item", detail: "It is recommended no more. Its events remain.",
			answers: []answer{{http.StatusNoContent, nil}},
		},
		{
			method: http.MethodPost, path: "/v1/items/batch", scope: ScopeWrite, handle: s.postItems, tag: "Items",
			query:   []param{validateOnlyParam()},
			summary: "Store up to 10,000 items", detail: "Each row is stored or rejected by itself; if all are rejected the answer is 422.",
			body: itemsBatch{[]itemBody{example}}, answers: []answer{{http.StatusOK, putAnswer{Stored: 1, Results: []putRow{}}}},
		},
		{
			method: http.MethodGet, path: "/v1/items", scope: ScopeRead, handle: s.listItems, tag: "Items",
			summary: "Items in order of id",
			query: []param{
				limitParam(maxPage),
				{name: "after", kind: "string", detail: "Only ids behind this one.", example: "mug-blue"},
				{name: "category", kind: "string", detail: "Only items of this category.", example: "Kitchen"},
				{name: "q", kind: "string", detail: "Only items with this text in id or title.", example: "mug"},
			},
			answers: []answer{{http.StatusOK, itemsBody{Items: []itemBody{example}}}},
		},
	}
}

// item reads an item; the batch gives ids in the body, the path otherwise.
func (r *reader) item(id kindred.ItemID) kindred.Item {
	names := [...]string{"title", "categories", "group", "price", "sale_price", "stock", "backorder", "available_from", "available_until", "attributes", "id"}
	known := names[:]
	if id != "" {
		known = names[:len(names)-1]
	}
	item := kindred.Item{ID: id}
	r.fields(known, func(field int) {
		switch names[field] {
		case "id":
			item.ID = kindred.ItemID(r.text())
		case "title":
			item.Title = r.text()
		case "categories":
			item.Categories = r.strings(kindred.MaxAttributes)
		case "price":
			item.Price = r.number()
		case "group":
			item.Group = kindred.ItemID(r.text())
		case "sale_price":
			item.SalePrice = r.number()
		case "stock":
			stock := int64(r.integer(0, 1<<53))
			item.Stock = &stock
		case "backorder":
			item.Backorder = r.boolean()
		case "available_from":
			item.AvailableFrom = r.time()
		case "available_until":
			item.AvailableUntil = r.time()
		case "attributes":
			item.Attributes = r.attributes()
		}
	})
	return item
}

// attributes reads attributes by name.
func (r *reader) attributes() kindred.Attributes {
	list := kindred.Attributes{}
	r.members(func(name []byte) {
		key := string(name)
		if _, twice := list[key]; twice {
			r.fault("is given twice")
			r.skip()
			return
		}
		if len(list) == kindred.MaxAttributes {
			r.fault(fmt.Sprintf("is one more than the %d attributes there may be", kindred.MaxAttributes))
			r.skip()
			return
		}
		var a kindred.Attribute
		if err := json.Unmarshal(r.raw(), &a); err != nil {
			if r.failure == nil {
				r.fault("must be a number, boolean, string, array of strings, array of numbers, {\"time\": \"…\"} or {\"text\": \"…\"}")
			}
		}
		list[key] = a
	})
	return list
}

func (s *Server) putItem(w *recorder, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	_, only, err := writeQuery(r)
	if err != nil {
		return err
	}
	var item kindred.Item
	check := s.deps.Events.CheckItems()
	err = s.withBody(w, r, func(body []byte) error {
		in := newReader(body)
		item = in.item(kindred.ItemID(id))
		err := in.finish("item", func() []kindred.FieldError { return check.Validate(&item) })
		if !only {
			s.keepRefused(in, id, "")
		}
		return err
	})
	if err != nil {
		return err
	}
	if only {
		return answerJSON(w, http.StatusOK, newItemBody(item))
	}
	item.UpdatedAt = s.now().UTC().Truncate(time.Millisecond)
	if err := s.deps.Items.PutItems(r.Context(), []kindred.Item{item}); err != nil {
		return err
	}
	check.Stored()
	s.deps.Live.ItemsChanged([]kindred.Item{item})
	return answerJSON(w, http.StatusOK, newItemBody(item))
}

// finish ends the reading of one thing: it must have no faults, nor find
// validate any.
func (r *reader) finish(thing string, validate func() []kindred.FieldError) error {
	if err := r.end(); err != nil {
		return err
	}
	faults := located("", r.faults)
	if len(faults) == 0 {
		r.unfit = validate()
		faults = located("body.", r.unfit)
	}
	if len(faults) > 0 {
		return invalid("the "+thing+" is not valid; nothing was stored", faults...)
	}
	return nil
}

func (s *Server) getItem(w *recorder, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	item, err := s.deps.Items.Item(r.Context(), kindred.ItemID(id))
	if err != nil {
		return err
	}
	return answerJSON(w, http.StatusOK, newItemBody(item))
}

func (s *Server) deleteItem(w *recorder, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	if err := s.deps.Items.DeleteItem(r.Context(), kindred.ItemID(id)); err != nil {
		return err
	}
	s.deps.Live.ItemDeleted(kindred.ItemID(id))
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) listItems(w *recorder, r *http.Request) error {
	q, err := readQuery(r, "limit", "after", "category", "q")
	if err != nil {
		return err
	}
	p, err := q.page()
	if err != nil {
		return err
	}
	items, err := s.deps.Items.Items(r.Context(), store.ItemQuery{
		After: kindred.ItemID(p.after), Limit: p.limit + 1, Category: p.category, Search: p.search,
	})
	if err != nil {
		return err
	}
	body := itemsBody{Items: []itemBody{}}
	if len(items) > p.limit {
		items = items[:p.limit]
		body.Next = items[p.limit-1].ID
	}
	for _, item := range items {
		body.Items = append(body.Items, newItemBody(item))
	}
	return answerJSON(w, http.StatusOK, body)
}

func (s *Server) postItems(w *recorder, r *http.Request) error {
	_, only, err := writeQuery(r)
	if err != nil {
		return err
	}
	keep := s.keepRows
	if only {
		keep = ignoreRows
	}
	var items []kindred.Item
	var reply putAnswer
	check := s.deps.Events.CheckItems()
	err = s.withBody(w, r, func(body []byte) (err error) {
		items, reply, err = readRows(body, "items", keep, func(in *reader) (kindred.Item, string, []kindred.FieldError) {
			item := in.item("")
			faults := check.Validate(&item)
			return item, string(item.ID), faults
		})
		return err
	})
	if err != nil {
		return err
	}
	if only {
		return answerJSON(w, http.StatusOK, reply.unstored())
	}
	now := s.now().UTC().Truncate(time.Millisecond)
	for i := range items {
		items[i].UpdatedAt = now
	}
	if err := s.deps.Items.PutItems(r.Context(), items); err != nil {
		return err
	}
	check.Stored()
	s.deps.Live.ItemsChanged(items)
	return answerJSON(w, http.StatusOK, reply)
}

// readRows decodes {"name": [row, …]}, and returns the valid rows and what is
// to be answered once they are stored. Those that are refused go to keep, unless
// the batch is none.
func readRows[T any](
	body []byte, name string, keep func([]refusal), read func(in *reader) (row T, id string, faults []kindred.FieldError),
) (rows []T, reply putAnswer, err error) {
	var refused []refusal
	in := newReader(body)
	reply.Results = []putRow{}
	in.fields([]string{name}, func(int) {
		in.elements(kindred.MaxBatch, func(i int) {
			outer := in.takeFaults()
			in.space()
			start := in.pos
			row, id, unfit := read(in)
			unread := in.takeFaults()
			faults := located("", unread)
			if len(faults) == 0 {
				faults = located(string(in.path)+".", unfit)
			}
			if len(faults) > 0 {
				refused = append(refused, refusal{in.data[start:in.pos], userOf(row), unread, unfit})
				reply.Results = append(reply.Results, putRow{i, id, faults})
			} else {
				rows = append(rows, row)
			}
			in.faults = outer
		})
	})
	if err := in.end(); err != nil {
		return nil, reply, err
	}
	keep(refused)
	reply.Stored, reply.Rejected = len(rows), len(reply.Results)
	faults := located("", in.faults)
	switch {
	case len(faults) > 0:
	case len(rows) == 0 && reply.Rejected == 0:
		faults = []fault{{"body." + name, "must hold at least one row"}}
	case len(rows) == 0:
		for _, row := range reply.Results {
			faults = append(faults, row.Errors...)
		}
	}
	if len(faults) > 0 {
		return nil, reply, invalid("the batch is not valid; nothing was stored", faults...)
	}
	return rows, reply, nil
}
