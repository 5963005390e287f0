package sim

import (
	"math"
	"time"

	"kindred"
)

// Truth is what the shop knows and a model has to find out. It is for tests.
type Truth struct{ shop *Shop }

// Truth returns what is behind the events.
func (s *Shop) Truth() Truth { return Truth{s} }

// taste is how much a user prefers an item to the average of the shop: the
// department's share and the shelf's, and the fit among the shelf's products.
func (s *Shop) taste(u, i int32) float64 {
	p, item := &s.users[u], &s.items[i]
	sh := &s.shelves[item.shelf]
	return 0.6*(p.department[sh.department]+p.shelf[item.shelf]) + p.fit(item) - 0.8
}

// Affinity is how likely the user is to come upon the item and want it, as a
// logarithm up to a constant of the user's: taste and the item's own appeal.
// It is minus infinity for users and items that are not the shop's.
func (t Truth) Affinity(user kindred.UserID, item kindred.ItemID) float64 {
	u, isUser := t.shop.byUser[user]
	i, isItem := t.shop.byItem[item]
	if !isUser || !isItem {
		return math.Inf(-1)
	}
	p, product := &t.shop.users[u], &t.shop.items[i]
	sh := &t.shop.shelves[product.shelf]
	// A shelf is chosen by taste, then shows its products by their part of
	// its appeal; examined ones are opened by fit.
	offered := p.department[sh.department] + p.shelf[product.shelf] + product.appeal - math.Log(last(sh.sum))
	return offered + math.Log(wants(p.fit(product)))
}

// IsBot says whether a user is a program.
func (t Truth) IsBot(user kindred.UserID) bool {
	u, ok := t.shop.byUser[user]
	return ok && t.shop.users[u].bot != human
}

// Arrival is when the item came into the shop; the zero time for an item that
// is not the shop's.
func (t Truth) Arrival(item kindred.ItemID) time.Time {
	i, ok := t.shop.byItem[item]
	if !ok {
		return time.Time{}
	}
	return t.shop.items[i].item.AvailableFrom
}

// Examined is the probability that a visitor looks at a position, counted
// from 1, of a list: the position bias of every click.
func (Truth) Examined(position int) float64 { return examined(max(position, 1)) }
