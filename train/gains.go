package train

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"kindred"
	"kindred/dataset"
)

// Prices is where training finds what was asked for items.
type Prices interface {
	// ScanPrices calls fn with the prices of item after item, the earliest first.
	ScanPrices(ctx context.Context, fn func(kindred.Price) error) error
}

// addGains says what each relevant item of the hold-out is worth: the money
// that the user's purchases of it from the cut on came to, pieces times the
// price in the event's context ("price") or, where it has none, the item's at
// the time.
// Where nothing was bought for money, nothing is said. It reads the events
// once more, so that learning needs no memory for them.
func (r *run) addGains(ctx context.Context, holdout *dataset.Holdout) error {
	if holdout.Cut.IsZero() {
		return nil
	}
	costs, err := r.costs(ctx)
	if err != nil {
		return fmt.Errorf("train: reading prices: %w", err)
	}
	gains := relevantGains(holdout.Cases)
	earned := false
	err = r.from.ScanEvents(ctx, func(e *kindred.Event) error {
		if e.Kind != kindred.Purchase || e.Time.Before(holdout.Cut) || e.Verdict.Has(r.Dataset.Refuse) {
			return nil
		}
		gain := gains.of(holdout.Train, e.User, r.builder.Product(e.Item))
		if gain == nil {
			return nil
		}
		price, said := eventPrice(e)
		if !said {
			price = costs.at(e.Item, e.Time)
		}
		*gain += float32(e.Value * price)
		earned = earned || price > 0
		return nil
	})
	if err != nil {
		return fmt.Errorf("train: reading events again: %w", err)
	}
	if earned {
		for i := range holdout.Cases {
			holdout.Cases[i].Gains = gains[holdout.Cases[i].User].values
		}
	}
	return nil
}

// costs are what was asked for items, the earliest first.
type costs map[kindred.ItemID][]kindred.Price

func (r *run) costs(ctx context.Context) (costs, error) {
	all := costs{}
	if r.Prices != nil {
		return all, r.Prices.ScanPrices(ctx, func(p kindred.Price) error {
			all[p.Item] = append(all[p.Item], p)
			return nil
		})
	}
	return all, r.from.ScanItems(ctx, func(item *kindred.Item) error {
		all[item.ID] = []kindred.Price{{Item: item.ID, Cost: item.Cost()}}
		return nil
	})
}

// at returns what was asked for an item at a moment; before anything is known,
// what is known first; 0 if nothing is.
func (c costs) at(item kindred.ItemID, t time.Time) float64 {
	known := c[item]
	later, _ := slices.BinarySearchFunc(known, t, func(p kindred.Price, t time.Time) int {
		if p.From.After(t) {
			return 1
		}
		return -1
	})
	if len(known) == 0 {
		return 0
	}
	return known[max(0, later-1)].Cost
}

// caseGains are the gains of one case, by item.
type caseGains struct {
	at     map[int32]int
	values []float32
}

type userGains map[int32]caseGains

func relevantGains(cases []dataset.Case) userGains {
	all := userGains{}
	for i := range cases {
		g := caseGains{at: make(map[int32]int, len(cases[i].Relevant)), values: make([]float32, len(cases[i].Relevant))}
		for k, item := range cases[i].Relevant {
			g.at[item] = k
		}
		all[cases[i].User] = g
	}
	return all
}

// of returns where the worth of an event goes; nil if its item is not relevant.
func (g userGains) of(data *dataset.Interactions, who kindred.UserID, what kindred.ItemID) *float32 {
	user, known := data.Users.Index(string(who))
	item, met := data.Items.Index(string(what))
	if !known || !met {
		return nil
	}
	mine := g[user]
	if k, relevant := mine.at[item]; relevant {
		return &mine.values[k]
	}
	return nil
}

// eventPrice is what the event says a piece cost.
func eventPrice(e *kindred.Event) (price float64, said bool) {
	var around struct {
		Price *float64 `json:"price"`
	}
	if len(e.Context) == 0 || json.Unmarshal(e.Context, &around) != nil || around.Price == nil {
		return 0, false
	}
	return *around.Price, true
}
