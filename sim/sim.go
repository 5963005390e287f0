// Package sim imitates a small shop and its shoppers from a seed: products,
// people with tastes nobody is told, and a history of what they looked at and
// bought. The tastes are known to tests through Truth, so that one can ask
// whether a model found what was there to find; a demo goes on with Visit,
// which answers a list of recommendations as its shopper would.
//
// It reads no clock, no files and no global dice: the same Config gives the
// same bytes.
package sim

import (
	"math"
	"math/rand/v2"
	"time"

	"kindred"
)

// Config says how large a shop, and from which dice.
type Config struct {
	Seed     uint64
	Items    int
	Users    int
	Days     int       // length of the history, which ends at Now
	Now      time.Time // products go on arriving for a week after it
	Sessions float64   // visits of an average shopper over the whole history
	BotShare float64   // part of the users who are programs, 0–1
}

// Defaults returns the shop of the demo: about 150,000 events. Its Now is
// fixed; a demo puts the present there.
func Defaults() Config {
	return Config{
		Seed: 1, Items: 1200, Users: 3000, Days: 120,
		Now: time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC), Sessions: 10, BotShare: 0.01,
	}
}

// Each part rolls its own dice, so that a change to one leaves the others.
const (
	itemDice uint64 = iota + 1
	userDice
	botDice
	dayDice // and one more for every day

	dirtDice uint64 = 1 << 40
)

// Shop is a made-up shop. It is immutable, and safe to use from many
// goroutines.
type Shop struct {
	cfg     Config
	start   time.Time
	plan    []department
	items   []product
	users   []shopper
	byItem  map[kindred.ItemID]int32
	byUser  map[kindred.UserID]int32
	shelves []shelfStock // all shelves, in the order of the plan
	whole   stock        // every product
	active  []float64    // cumulative activity, for Visitor
}

// New makes a shop. Sizes below zero count as zero.
func New(cfg Config) *Shop {
	cfg.Items, cfg.Users, cfg.Days = max(cfg.Items, 0), max(cfg.Users, 0), max(cfg.Days, 0)
	cfg.BotShare = min(max(cfg.BotShare, 0), 1)
	cfg.Now = cfg.Now.UTC().Truncate(time.Millisecond)
	s := &Shop{
		cfg: cfg, start: cfg.Now.AddDate(0, 0, -cfg.Days), plan: departments(),
		byItem: make(map[kindred.ItemID]int32, cfg.Items), byUser: make(map[kindred.UserID]int32, cfg.Users),
	}
	s.makeItems()
	s.makeUsers()
	return s
}

// Items returns the products, in order of number. The caller owns the slice
// but shares what its attributes hold.
func (s *Shop) Items() []kindred.Item {
	items := make([]kindred.Item, len(s.items))
	for i := range s.items {
		items[i] = s.items[i].item
	}
	return items
}

// Users returns the shoppers, programs among them, in order of number.
func (s *Shop) Users() []kindred.User {
	users := make([]kindred.User, len(s.users))
	for u := range s.users {
		users[u] = s.users[u].user
	}
	return users
}

func (s *Shop) dice(stream uint64) *rand.Rand { return rand.New(rand.NewPCG(s.cfg.Seed, stream)) }

// stock is products with their cumulative appeal, to draw from.
type stock struct {
	items []int32
	sum   []float64
}

func (s *stock) add(item int32, weight float64) {
	s.items = append(s.items, item)
	s.sum = append(s.sum, weight+last(s.sum))
}

func (s *stock) draw(rng *rand.Rand) int32 { return s.items[drawSum(rng, s.sum)] }

// shelfStock is a shelf with where it stands.
type shelfStock struct {
	shelf
	department int
	stock
}

func last(sum []float64) float64 {
	if len(sum) == 0 {
		return 0
	}
	return sum[len(sum)-1]
}

// drawSum returns an index with the probability of its step in a cumulative
// sum that is not empty.
func drawSum(rng *rand.Rand, sum []float64) int {
	x := rng.Float64() * last(sum)
	low, high := 0, len(sum)-1
	for low < high {
		if mid := (low + high) / 2; sum[mid] <= x {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func pick[T any](rng *rand.Rand, from []T) T { return from[rng.IntN(len(from))] }
