package feature

import (
	"slices"
	"time"

	"kindred"
)

// ApplyPreset puts the preset's features and set before those defined. A
// preset that there is not stays named, for Validate to report.
func (c *Config) ApplyPreset() {
	if c.Preset != "basic" {
		return
	}
	c.Preset = ""
	definitions := basic()
	set := Set{Name: "basic", Description: "What suits a shop, to begin with."}
	for i := range definitions {
		set.Features = append(set.Features, definitions[i].Ref())
	}
	c.Definitions = slices.Concat(definitions, c.Definitions)
	c.Sets = slices.Concat([]Set{set}, c.Sets)
}

// basic are features of users, items and both, of what every shop has.
func basic() []Definition {
	const day = Span(24 * time.Hour)
	views := Where{[]kindred.Kind{kindred.View, kindred.Click, kindred.Play}}
	buys := Where{[]kindred.Kind{kindred.Purchase}}
	done := Where{slices.Concat(views.Kinds, buys.Kinds, []kindred.Kind{kindred.AddToCart, kindred.Like, kindred.Rating})}
	return []Definition{
		{Name: "views_1h", Entity: User, Kind: Count, Where: views, Window: day / 24, Description: "Looks at items in the last hour."},
		{Name: "views_24h", Entity: User, Kind: Count, Where: views, Window: day},
		{Name: "views_7d", Entity: User, Kind: Count, Where: views, Window: 7 * day},
		{Name: "purchases_30d", Entity: User, Kind: Count, Where: buys, Window: 30 * day},
		{Name: "items_7d", Entity: User, Kind: Distinct, Where: done, Window: 7 * day, Description: "Different items that something was done with."},
		{Name: "last_items", Entity: User, Kind: LastN, Where: done, Window: 30 * day, N: 10},
		{Name: "recency", Entity: User, Kind: Recency, Where: done, Description: "Seconds since anything was done."},
		{Name: "views_24h", Entity: Item, Kind: Count, Where: views, Window: day},
		{Name: "views_7d", Entity: Item, Kind: Count, Where: views, Window: 7 * day},
		{Name: "purchases_30d", Entity: Item, Kind: Count, Where: buys, Window: 30 * day},
		{Name: "popularity", Entity: Item, Kind: DecayedCount, Where: done, HalfLife: 7 * day, Description: "All that was done, halved every week."},
		{
			Name: "conversion", Entity: Item, Kind: Ratio, Where: buys, Over: views, Window: 30 * day, Alpha: 1, Beta: 20,
			Description: "Purchases a view, towards 5 % where there are few views.",
		},
		{Name: "price", Entity: Item, Kind: Attribute},
		{Name: "trend", Entity: Item, Kind: Expression, Expression: "7.0 * item.views_24h / (1.0 + item.views_7d)", Description: "Above 1: on the rise."},
		{Name: "views_30d", Entity: UserItem, Kind: Count, Where: views, Window: 30 * day},
		{Name: "recency", Entity: UserItem, Kind: Recency, Where: done},
	}
}
