package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"time"

	"kindred"
	"kindred/engine"
	"kindred/format"
	"kindred/sim"
	"kindred/store"
)

// demo is what the demo shows: the made-up shop, or somebody's data.
type demo struct {
	data  string
	shop  *sim.Shop // nil with real data
	users []kindred.UserID
	rng   *rand.Rand
}

// demoUsers is how many of the users of real data come by as shoppers.
const demoUsers = 500

func newDemo(c *demoCmd, now time.Time) *demo {
	d := &demo{data: c.Data, rng: rand.New(rand.NewPCG(1, uint64(now.UnixNano())))}
	if c.Data == "" {
		cfg := sim.Defaults()
		cfg.Items, cfg.Users, cfg.Now = c.Products, c.Shoppers, now
		d.shop = sim.New(cfg)
	}
	return d
}

func (d *demo) what() string {
	if d.shop == nil {
		return d.data
	}
	return "the history of a made-up shop"
}

// load brings the data in by the way any user's data comes in: as files.
func (d *demo) load(ctx context.Context, e *engine.Engine, out *output) error {
	if d.shop == nil {
		return importFiles(ctx, e, out, "auto", d.data)
	}
	folder, err := os.MkdirTemp(e.Config.Dir, "demo-")
	if err != nil {
		return fmt.Errorf("making a folder for the shop's files: %w", err)
	}
	defer os.RemoveAll(folder) //nolint:errcheck // a left-over folder harms nobody
	paths, err := format.WriteFolder(folder, d.shop.Items(), d.shop.Users(), d.shop.Events())
	if err != nil {
		return err
	}
	return importFiles(ctx, e, out, "jsonl", paths...)
}

// chooseUsers picks who comes by.
func (d *demo) chooseUsers(ctx context.Context, e *engine.Engine) error {
	if d.shop != nil {
		for _, u := range d.shop.Users() {
			d.users = append(d.users, u.ID)
		}
		return nil
	}
	users, err := e.Store.Users(ctx, store.UserQuery{Limit: demoUsers})
	for i := range users {
		d.users = append(d.users, users[i].ID)
	}
	return err
}

func (d *demo) someone() kindred.UserID {
	if len(d.users) == 0 {
		return "somebody"
	}
	return d.users[len(d.users)/2]
}

// click lets shoppers come by, one after the other, until ctx ends: each asks
// for recommendations and acts on them, all over HTTP like any client.
func (d *demo) click(ctx context.Context, base, key string, visits float64) error {
	if visits <= 0 || len(d.users) == 0 {
		return nil
	}
	client := &shopClient{base: base, key: key, http: &http.Client{Timeout: 10 * time.Second}}
	for {
		pause := time.Duration(d.rng.ExpFloat64() / visits * float64(time.Second))
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(min(pause, time.Minute)):
		}
		if err := d.visit(ctx, client); err != nil && ctx.Err() == nil {
			return fmt.Errorf("a shopper gave up: %w", err)
		}
	}
}

func (d *demo) visit(ctx context.Context, client *shopClient) error {
	user := d.users[d.rng.IntN(len(d.users))]
	if d.shop != nil {
		user = d.shop.Visitor(d.rng)
	}
	list, err := client.recommend(ctx, user)
	if err != nil {
		return err
	}
	shown := make([]kindred.ItemID, len(list.Items))
	for i, item := range list.Items {
		shown[i] = item.ID
	}
	now := time.Now()
	var events []kindred.Event
	if d.shop != nil {
		events = d.shop.Visit(d.rng, user, shown, now, list.RequestID)
	} else {
		events = d.look(user, shown, now, list.RequestID)
	}
	if len(events) == 0 {
		return nil
	}
	return client.post(ctx, events)
}

// look is how a shopper of unknown taste acts: the higher on the list, the
// likelier a look at it.
func (d *demo) look(user kindred.UserID, shown []kindred.ItemID, now time.Time, requestID string) []kindred.Event {
	for position, item := range shown {
		if d.rng.Float64() < 0.3/float64(position+1) {
			return []kindred.Event{{
				User: user, Item: item, Kind: kindred.View, Value: 1, Time: now,
				Session: "demo", RequestID: requestID, Position: position + 1,
			}}
		}
	}
	return nil
}

// shopClient is a client such as a shop would write.
type shopClient struct {
	base, key string
	http      *http.Client
}

type shopList struct {
	RequestID string `json:"request_id"`
	Items     []struct {
		ID kindred.ItemID `json:"id"`
	} `json:"items"`
}

func (c *shopClient) recommend(ctx context.Context, user kindred.UserID) (list shopList, err error) {
	err = c.call(ctx, http.MethodGet, "/v1/users/"+url.PathEscape(string(user))+"/recommendations?n=12", nil, &list)
	return list, err
}

func (c *shopClient) post(ctx context.Context, events []kindred.Event) error {
	var body bytes.Buffer
	body.WriteString(`{"events":[`)
	for i := range events {
		if i > 0 {
			body.WriteByte(',')
		}
		line, err := format.EventJSON(&events[i])
		if err != nil {
			return err
		}
		body.Write(line)
	}
	body.WriteString("]}")
	return c.call(ctx, http.MethodPost, "/v1/events/batch?results=rejected", &body, nil)
}

func (c *shopClient) call(ctx context.Context, method, path string, body io.Reader, answer any) error {
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+c.key)
	request.Header.Set("Content-Type", "application/json")
	response, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // read to the end below
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return err
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("%s %s: %s: %s", method, path, response.Status, text)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(text, answer)
}
