package sim

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"kindred"
)

// styles is the number of dimensions of taste that no attribute shows.
const styles = 4

// product is an item with what only the simulation knows.
type product struct {
	item       kindred.Item
	shelf      int
	brand      int     // across all departments
	price      float64 // within its shelf, from -1 (low) to 1 (high)
	appeal     float64 // log of how much anyone likes it
	style      [styles]float64
	consumable bool
}

func (s *Shop) makeItems() {
	for d := range s.plan {
		for _, sh := range s.plan[d].shelves {
			s.shelves = append(s.shelves, shelfStock{shelf: sh, department: d})
		}
	}
	rng := s.dice(itemDice)
	icons, taken := outlines(), map[string]bool{}
	s.items = make([]product, s.cfg.Items)
	for i, rank := range rng.Perm(s.cfg.Items) {
		p := &s.items[i]
		p.shelf = i % len(s.shelves)
		// Zipf's law with exponent 0.9: a long tail, as shops have.
		p.appeal = -0.9 * math.Log(float64(rank+3))
		for k := range p.style {
			p.style[k] = rng.NormFloat64()
		}
		s.describe(rng, p, i, icons, taken)
		s.schedule(rng, &p.item)
		s.byItem[p.item.ID] = int32(i)
		s.shelves[p.shelf].add(int32(i), math.Exp(p.appeal))
		s.whole.add(int32(i), math.Exp(p.appeal))
	}
}

// describe gives the product everything a customer reads.
func (s *Shop) describe(rng *rand.Rand, p *product, number int, icons map[string]string, taken map[string]bool) {
	sh := &s.shelves[p.shelf]
	dep := &s.plan[sh.department]
	brand := rng.IntN(len(dep.brands))
	var title, material, noun string
	for attempt := 1; title == "" || taken[title]; attempt++ {
		material, noun = pick(rng, dep.materials), pick(rng, sh.nouns)
		title = strings.NewReplacer("{brand}", dep.brands[brand], "{material}", material, "{noun}", noun).Replace(dep.title)
		if attempt > 8 {
			title = fmt.Sprintf("%s No. %d", title, 2+rng.IntN(98)+attempt)
		}
	}
	taken[title] = true
	for d := range sh.department {
		p.brand += len(s.plan[d].brands)
	}
	p.brand += brand
	p.price = 2*rng.Float64() - 1
	p.consumable = sh.consumable
	colour := pick(rng, colours())
	price := sh.low * math.Pow(sh.high/sh.low, (p.price+1)/2)
	p.item = kindred.Item{
		ID:         kindred.ItemID(fmt.Sprintf("%s-%04d", slug(noun), number+1)),
		Title:      title,
		Categories: []string{dep.name, sh.name},
		Price:      math.Floor(price) + 0.9,
		Attributes: kindred.Attributes{
			"brand":       kindred.StringOf(dep.brands[brand]),
			"material":    kindred.StringOf(strings.ToLower(material)),
			"colour":      kindred.StringOf(colour[0]),
			"consumable":  kindred.BoolOf(sh.consumable),
			"description": kindred.TextOf(prose(rng, title, strings.ToLower(noun), colour[0], sh.name)),
			"image":       kindred.StringOf(picture(icons[sh.icon], dep.tint, colour[1])),
		},
	}
}

func prose(rng *rand.Rand, title, noun, colour, shelf string) string {
	first := pick(rng, []string{"made to last", "a quiet favourite", "designed with care", "simple and well made", "a little luxury"})
	second := pick(rng, []string{"a gift that is kept", "every day", "slow weekends", "small spaces", "people who notice"})
	return fmt.Sprintf("%s: %s. A %s in %s, from our %s shelf; for %s.", title, first, noun, colour, strings.ToLower(shelf), second)
}

// schedule says when the product arrives and leaves: seven in ten were always
// there, the others arrive up to a week after Now, and one in 25 leaves.
func (s *Shop) schedule(rng *rand.Rand, item *kindred.Item) {
	span := time.Duration(s.cfg.Days) * 24 * time.Hour
	before := time.Duration(rng.Int64N(int64(400 * 24 * time.Hour)))
	item.AvailableFrom = s.start.Add(-before).Truncate(time.Second)
	if rng.Float64() < 0.3 {
		item.AvailableFrom = s.start.Add(time.Duration(rng.Float64() * float64(span+7*24*time.Hour))).Truncate(time.Second)
	}
	if rng.Float64() < 0.04 {
		stay := 20*24*time.Hour + time.Duration(rng.Float64()*float64(span))
		item.AvailableUntil = maxTime(item.AvailableFrom, s.start).Add(stay).Truncate(time.Second)
	}
	item.UpdatedAt = item.AvailableFrom
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// slug keeps the letters and digits of a name, dashes between.
func slug(name string) string {
	keep := func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-':
			return r
		case r == ' ':
			return '-'
		}
		return -1
	}
	return strings.Map(keep, strings.ToLower(name))
}

// picture draws an outline on its department's tint, as an address that holds
// the whole image. The tint reaches beyond the square, so that a wider frame
// is filled too. At most 600 bytes.
func picture(outline, tint, colour string) string {
	svg := "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 80 80'><path fill='#" + tint + "' d='M-80-80h240v240H-80z'/>" +
		"<ellipse cx='40' cy='71' rx='27' ry='3' opacity='.1'/><path fill='#" + colour + "' fill-rule='evenodd' d='" + outline + "'/></svg>"
	return "data:image/svg+xml," + strings.NewReplacer("<", "%3C", ">", "%3E", "#", "%23", " ", "%20").Replace(svg)
}
