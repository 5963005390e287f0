package sim

import (
	"fmt"
	"math"
	"math/rand/v2"

	"kindred"
)

// shopper is a user with a taste. All parts of the taste are logarithms: they
// add up to how much likelier this user is to want a product than another.
type shopper struct {
	user       kindred.User
	bot        botKind
	activity   float64   // visits over the history
	department []float64 // by department
	shelf      []float64 // by shelf
	brand      []float64 // by brand
	style      [styles]float64
	price      float64 // the level of prices preferred, as product.price
}

func (s *Shop) makeUsers() {
	rng := s.dice(userDice)
	brands := 0
	for d := range s.plan {
		brands += len(s.plan[d].brands)
	}
	ages := []string{"18-24", "25-34", "35-49", "50-64", "65+"}
	countries := []string{"DE", "FR", "GB", "IE", "NL", "SE", "US"}
	// What an age leans to: attributes tell something, but not all.
	lean := make([][]float64, len(ages))
	for a := range lean {
		lean[a] = normals(rng, len(s.plan), 0.5)
	}
	s.users = make([]shopper, s.cfg.Users)
	for u := range s.users {
		p := &s.users[u]
		age := rng.IntN(len(ages))
		p.user = kindred.User{
			ID: kindred.UserID(fmt.Sprintf("shopper-%04d", u+1)),
			Attributes: kindred.Attributes{
				"age_group": kindred.StringOf(ages[age]),
				"country":   kindred.StringOf(pick(rng, countries)),
			},
			UpdatedAt: s.start,
		}
		p.department = normals(rng, len(s.plan), 1.5)
		for d := range p.department {
			p.department[d] += lean[age][d]
		}
		p.shelf = normals(rng, len(s.shelves), 1.2)
		p.brand = normals(rng, brands, 0.8)
		for k := range p.style {
			p.style[k] = rng.NormFloat64() * 0.5
		}
		p.price = 0.6 * rng.NormFloat64()
		// A log-normal of mean 1: a few come all the time, most seldom.
		p.activity = s.cfg.Sessions * math.Exp(0.9*rng.NormFloat64()-0.405)
		s.active = append(s.active, p.activity+last(s.active))
		s.byUser[p.user.ID] = int32(u)
	}
	s.hideBots()
}

func normals(rng *rand.Rand, n int, sigma float64) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = sigma * rng.NormFloat64()
	}
	return x
}

// fit is how well a product suits the user among others of its shelf.
func (p *shopper) fit(item *product) float64 {
	away := p.price - item.price
	fit := p.brand[item.brand] - 0.5*away*away
	for k := range p.style {
		fit += p.style[k] * item.style[k]
	}
	return fit
}
