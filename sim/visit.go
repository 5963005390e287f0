package sim

import (
	"math/rand/v2"
	"time"

	"kindred"
)

// Visitor draws who comes to the shop next, by how often people come; never
// a program. It returns "" when there is nobody.
func (s *Shop) Visitor(rng *rand.Rand) kindred.UserID {
	if len(s.users) == 0 {
		return ""
	}
	for range 64 {
		if p := &s.users[drawSum(rng, s.active)]; p.bot == human {
			return p.user.ID
		}
	}
	return ""
}

// Visit is what a user does with the list shown: each position is looked at
// with the probability of Truth.Examined, and opened, put into the cart and
// bought by the user's taste for the item within the whole shop. A stranger
// has no taste and opens things at random; an item that is not this shop's is
// passed over. The events carry the request's ID and the position, and times
// from now on, a millisecond apart.
func (s *Shop) Visit(
	rng *rand.Rand, user kindred.UserID, shown []kindred.ItemID, now time.Time, requestID string,
) []kindred.Event {
	var events []kindred.Event
	add := func(item kindred.ItemID, kind kindred.Kind, position int) {
		events = append(events, kindred.Event{
			User: user, Item: item, Kind: kind, Value: 1, RequestID: requestID, Position: position,
			Time: now.UTC().Truncate(time.Millisecond).Add(time.Duration(len(events)) * time.Millisecond),
		})
	}
	for at, id := range shown {
		i, known := s.byItem[id]
		if !known || !s.items[i].item.AvailableAt(now) || rng.Float64() > examined(at+1) {
			continue
		}
		taste := -1.0
		if u, isOurs := s.byUser[user]; isOurs {
			taste = s.taste(u, i)
		}
		if rng.Float64() > wants(taste) {
			continue
		}
		add(id, kindred.View, at+1)
		if rng.Float64() > sigmoid(taste-2.3) {
			continue
		}
		add(id, kindred.AddToCart, at+1)
		if rng.Float64() < 0.55 {
			add(id, kindred.Purchase, at+1)
		}
	}
	return events
}
