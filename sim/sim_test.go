package sim_test

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"kindred"
	"kindred/sim"
)

func small() sim.Config {
	cfg := sim.Defaults()
	cfg.Items, cfg.Users, cfg.Sessions, cfg.BotShare = 400, 600, 20, 0.02
	return cfg
}

// digest is a hash of everything a shop gives away.
func digest(t *testing.T, s *sim.Shop) string {
	t.Helper()
	hash := sha256.New()
	enc := json.NewEncoder(hash)
	for _, part := range []any{s.Items(), s.Users(), slices.Collect(s.Events())} {
		if err := enc.Encode(part); err != nil {
			t.Fatal(err)
		}
	}
	return fmt.Sprintf("%x", hash.Sum(nil))
}

func TestSameSeedSameBytes(t *testing.T) {
	s := sim.New(small())
	first := digest(t, s)
	if again := digest(t, s); again != first {
		t.Error("a second walk over the events differs")
	}
	if digest(t, sim.New(small())) != first {
		t.Error("a second shop from the same seed differs")
	}
	other := small()
	other.Seed++
	if digest(t, sim.New(other)) == first {
		t.Error("another seed gives the same shop")
	}
}

func TestDefaultsAreTheDemosSize(t *testing.T) {
	n := 0
	counts := map[kindred.Kind]int{}
	for e := range sim.New(sim.Defaults()).Events() {
		n++
		counts[e.Kind]++
	}
	t.Log(n, counts)
	if n < 120_000 || n > 200_000 {
		t.Errorf("%d events, want about 150,000: %v", n, counts)
	}
	if counts[kindred.Impression] > n/4 {
		t.Errorf("%d of %d events are impressions", counts[kindred.Impression], n)
	}
	for _, kind := range []kindred.Kind{
		kindred.View, kindred.Click, kindred.AddToCart, kindred.Purchase, kindred.Rating, kindred.Like, kindred.Dislike, kindred.Refund,
	} {
		if counts[kind] == 0 {
			t.Errorf("no %s", kind)
		}
	}
	if p, v := counts[kindred.Purchase], counts[kindred.View]; p*6 > v*2 || p*60 < v {
		t.Errorf("%d purchases of %d views is not like a shop", p, v)
	}
}

func TestItems(t *testing.T) {
	titles, colours := map[string]bool{}, map[string]bool{}
	ids := map[kindred.ItemID]bool{}
	items := sim.New(sim.Defaults()).Items()
	for _, item := range items {
		if ids[item.ID] || titles[item.Title] {
			t.Errorf("%s, %q: not the only one", item.ID, item.Title)
		}
		ids[item.ID], titles[item.Title] = true, true
		colours[item.Attributes["colour"].Text] = true
		if len(item.Categories) != 2 || item.Price <= 0 || item.AvailableFrom.IsZero() || strings.ContainsAny(item.Title, "{}") {
			t.Errorf("%s is incomplete: %+v", item.ID, item)
		}
		for name, a := range item.Attributes {
			if err := a.Valid(); err != nil {
				t.Errorf("%s: %s: %v", item.ID, name, err)
			}
		}
		image := item.Attributes["image"].Text
		if len(image) > 600 || !strings.HasPrefix(image, "data:image/svg+xml,%3Csvg") || strings.ContainsAny(image, "<>#\" ") || strings.Contains(image, "d=''") {
			t.Errorf("%s: picture of %d bytes: %s", item.ID, len(image), image)
		}
	}
	if len(items) != sim.Defaults().Items || len(colours) < 8 {
		t.Errorf("%d items in %d colours", len(items), len(colours))
	}
}

func TestEventsFollowTheRules(t *testing.T) {
	for seed := range uint64(5) {
		cfg := small()
		cfg.Seed, cfg.Now = seed, cfg.Now.Add(time.Duration(seed)*977*time.Hour+123*time.Microsecond)
		t.Run(fmt.Sprint(seed), func(t *testing.T) { followTheRules(t, cfg) })
	}
}

func followTheRules(t *testing.T, cfg sim.Config) {
	t.Helper()
	s := sim.New(cfg)
	items := map[kindred.ItemID]kindred.Item{}
	for _, item := range s.Items() {
		items[item.ID] = item
	}
	truth := s.Truth()
	users := map[kindred.UserID]bool{}
	for _, u := range s.Users() {
		users[u.ID] = true
	}
	seen := map[string]bool{}
	var before time.Time
	for e := range s.Events() {
		item, known := items[e.Item]
		switch {
		case seen[e.ID] || e.ID == "":
			t.Fatalf("%+v: ID given twice", e)
		case !known || !users[e.User]:
			t.Fatalf("%+v: nobody's", e)
		case e.Time.Before(before):
			t.Fatalf("%+v: out of order", e)
		case !e.Time.Before(cfg.Now) || e.Time.Before(cfg.Now.AddDate(0, 0, -cfg.Days)):
			t.Fatalf("%+v: outside the history", e)
		case e.Time.Before(truth.Arrival(e.Item)):
			t.Fatalf("%+v: before its arrival", e)
		case e.Time != e.Time.Truncate(time.Millisecond) || e.Time.Location() != time.UTC:
			t.Fatalf("%+v: time is not UTC to the millisecond", e)
		case e.Value < 1 || e.Value != math.Trunc(e.Value) || e.Kind == kindred.Rating && e.Value > 5:
			t.Fatalf("%+v: value", e)
		case (e.Kind == kindred.View || e.Kind == kindred.Purchase) && !item.AvailableAt(e.Time):
			t.Fatalf("%+v: after it left", e)
		case e.Kind == kindred.Impression && e.Position == 0:
			t.Fatalf("%+v: impression without a position", e)
		}
		seen[e.ID], before = true, e.Time
	}
}

func TestArrivals(t *testing.T) {
	cfg := sim.Defaults()
	during, later, leaving := 0, 0, 0
	for _, item := range sim.New(cfg).Items() {
		switch from := item.AvailableFrom; {
		case from.After(cfg.Now):
			later++
		case from.After(cfg.Now.AddDate(0, 0, -cfg.Days)):
			during++
		}
		if !item.AvailableUntil.IsZero() {
			leaving++
			if !item.AvailableUntil.After(item.AvailableFrom) {
				t.Errorf("%s leaves before it comes", item.ID)
			}
		}
	}
	if during < 200 || later == 0 || leaving < 20 {
		t.Errorf("%d arrive during, %d after, %d leave", during, later, leaving)
	}
}

func TestPopularityHasALongTail(t *testing.T) {
	s := sim.New(small())
	views := map[kindred.ItemID]int{}
	total := 0
	for e := range s.Events() {
		if e.Kind == kindred.View && !s.Truth().IsBot(e.User) {
			views[e.Item]++
			total++
		}
	}
	counts := make([]int, 0, len(views))
	for _, n := range views {
		counts = append(counts, n)
	}
	slices.SortFunc(counts, func(a, b int) int { return b - a })
	head := 0
	for _, n := range counts[:len(counts)/5] {
		head += n
	}
	if share := float64(head) / float64(total); share < 0.4 || share > 0.9 {
		t.Errorf("the first fifth of the items has %.2f of the views", share)
	}
}

func TestSeasonsAndHours(t *testing.T) {
	cfg := small()
	cfg.Days, cfg.Sessions = 365, 40
	s := sim.New(cfg)
	tents := map[kindred.ItemID]bool{}
	for _, item := range s.Items() {
		tents[item.ID] = item.Categories[1] == "Tents"
	}
	var june, december, night, evening int
	for e := range s.Events() {
		if tents[e.Item] && e.Time.Month() == time.June {
			june++
		}
		if tents[e.Item] && e.Time.Month() == time.December {
			december++
		}
		if e.Time.Hour() == 3 {
			night++
		}
		if e.Time.Hour() == 20 {
			evening++
		}
	}
	if june < 2*december || evening < 5*night {
		t.Errorf("tents: %d events in June, %d in December; %d at 3, %d at 20", june, december, night, evening)
	}
}

func TestBotsLookLikeBots(t *testing.T) {
	s := sim.New(sim.Defaults())
	truth := s.Truth()
	type trace struct {
		events, quick, bought int
		items                 map[kindred.ItemID]int
		last                  time.Time
		gaps                  map[time.Duration]int
	}
	traces := map[kindred.UserID]*trace{}
	for e := range s.Events() {
		if e.Kind == kindred.Impression || e.Kind == kindred.Click {
			continue // simultaneous by nature
		}
		tr := traces[e.User]
		if tr == nil {
			tr = &trace{items: map[kindred.ItemID]int{}, gaps: map[time.Duration]int{}}
			traces[e.User] = tr
		}
		gap := e.Time.Sub(tr.last)
		if gap == time.Second {
			tr.quick++
		}
		if e.Kind == kindred.Purchase {
			tr.bought++
		}
		tr.gaps[gap]++
		tr.events++
		tr.items[e.Item]++
		tr.last = e.Time
	}
	bots := 0
	for user, tr := range traces {
		most, same := 0, 0
		for _, n := range tr.items {
			most = max(most, n)
		}
		for gap, n := range tr.gaps {
			if gap > 0 {
				same = max(same, n)
			}
		}
		odd := tr.events >= 20 && (same*3 > tr.events || most*2 > tr.events)
		if odd != truth.IsBot(user) {
			t.Errorf("%s: bot is %v; %d events, %d at the same gap, %d of one item", user, truth.IsBot(user), tr.events, same, most)
		}
		if truth.IsBot(user) {
			bots++
			if tr.bought > 0 {
				t.Errorf("%s is a program, and buys", user)
			}
		}
	}
	if bots < 20 || bots > 30 {
		t.Errorf("%d bots are seen, want nearly all of 30", bots)
	}
}

func TestConsumablesAreBoughtAgain(t *testing.T) {
	s := sim.New(small())
	consumable := map[kindred.ItemID]bool{}
	for _, item := range s.Items() {
		consumable[item.ID] = item.Attributes["consumable"].Bool
	}
	bought := map[string]int{}
	again := map[bool]int{}
	for e := range s.Events() {
		if e.Kind != kindred.Purchase {
			continue
		}
		key := string(e.User) + "\x00" + string(e.Item)
		bought[key]++
		if bought[key] > 1 {
			again[consumable[e.Item]]++
		}
	}
	if again[true] < 100 || again[false] != 0 {
		t.Errorf("bought again: %v", again)
	}
}

func TestPositionBias(t *testing.T) {
	// Of the lists whose impressions are kept, clicks fall with position as
	// Examined says, up to what the order by appeal adds.
	s := sim.New(sim.Defaults())
	var clicks, shown [11]float64
	for e := range s.Events() {
		if e.Kind == kindred.Impression {
			shown[e.Position]++
		}
		if e.Kind == kindred.Click {
			clicks[e.Position]++
		}
	}
	for _, p := range []int{2, 5, 10} {
		got, want := clicks[p]/shown[p]/(clicks[1]/shown[1]), s.Truth().Examined(p)
		if math.Abs(got-want) > 0.25*want {
			t.Errorf("position %d has %.2f of the first one's clicks, want about %.2f", p, got, want)
		}
	}
}

// TestThereIsSomethingToLearn ranks by the truth and by popularity what users
// come to view for the first time in the last fortnight.
func TestThereIsSomethingToLearn(t *testing.T) {
	cfg := small()
	s := sim.New(cfg)
	truth := s.Truth()
	cut := cfg.Now.AddDate(0, 0, -14)
	popular := map[kindred.ItemID]float64{}
	seen := map[kindred.UserID]map[kindred.ItemID]bool{}
	next := map[kindred.UserID]map[kindred.ItemID]bool{}
	for e := range s.Events() {
		if e.Kind != kindred.View || truth.IsBot(e.User) {
			continue
		}
		side := seen
		if e.Time.After(cut) && !seen[e.User][e.Item] {
			side = next
		} else {
			popular[e.Item]++
		}
		if side[e.User] == nil {
			side[e.User] = map[kindred.ItemID]bool{}
		}
		side[e.User][e.Item] = true
	}
	var oracle, baseline float64
	for user, wanted := range next {
		oracle += ndcg(s.Items(), seen[user], wanted, func(i kindred.ItemID) float64 { return truth.Affinity(user, i) })
		baseline += ndcg(s.Items(), seen[user], wanted, func(i kindred.ItemID) float64 { return popular[i] })
	}
	n := float64(len(next))
	t.Logf("NDCG@20 of %d users: truth %.3f, popularity %.3f", len(next), oracle/n, baseline/n)
	if oracle < 2*baseline || baseline/n < 0.02 {
		t.Errorf("NDCG@20: truth %.3f, popularity %.3f", oracle/n, baseline/n)
	}
}

// ndcg is NDCG@20 with binary gains, what was seen left out.
func ndcg(items []kindred.Item, seen, wanted map[kindred.ItemID]bool, score func(kindred.ItemID) float64) float64 {
	ids := make([]kindred.ItemID, 0, len(items))
	for _, item := range items {
		if !seen[item.ID] {
			ids = append(ids, item.ID)
		}
	}
	slices.SortStableFunc(ids, func(a, b kindred.ItemID) int { return cmp.Compare(score(b), score(a)) })
	var dcg, ideal float64
	for at, id := range ids[:20] {
		if wanted[id] {
			dcg += 1 / math.Log2(float64(at+2))
		}
		if at < len(wanted) {
			ideal += 1 / math.Log2(float64(at+2))
		}
	}
	return dcg / ideal
}

func TestVisit(t *testing.T) {
	cfg := small()
	s := sim.New(cfg)
	truth := s.Truth()
	rng := rand.New(rand.NewPCG(1, 2))
	var ids []kindred.ItemID
	for _, item := range s.Items() {
		if item.AvailableAt(cfg.Now) {
			ids = append(ids, item.ID)
		}
	}
	good, bad := 0, 0
	for range 300 {
		user := s.Visitor(rng)
		if truth.IsBot(user) {
			t.Fatalf("%s is a program", user)
		}
		slices.SortFunc(ids, func(a, b kindred.ItemID) int {
			return cmp.Compare(truth.Affinity(user, b), truth.Affinity(user, a))
		})
		events := s.Visit(rng, user, append(ids[:9:9], "not-ours"), cfg.Now, "req-1")
		for _, e := range events {
			if e.User != user || e.RequestID != "req-1" || e.Position < 1 || ids[e.Position-1] != e.Item || e.Time.Before(cfg.Now) || e.Value != 1 {
				t.Fatalf("%+v", e)
			}
		}
		good += len(events)
		bad += len(s.Visit(rng, user, ids[len(ids)-9:], cfg.Now, "req-2"))
	}
	if good < 2*bad || bad == 0 {
		t.Errorf("%d events on good lists, %d on bad ones", good, bad)
	}
	if got := s.Visit(rng, "a stranger", ids, cfg.Now, ""); len(got) == 0 {
		t.Error("a stranger never opens anything")
	}
}

func TestEmptyShops(t *testing.T) {
	for name, cfg := range map[string]sim.Config{
		"nothing":  {},
		"negative": {Items: -1, Users: -1, Days: -1, BotShare: 7},
		"no items": {Users: 20, Days: 10, Sessions: 10, BotShare: 0.5},
		"one item": {Items: 1, Users: 2, Days: 30, Sessions: 10},
		"no days":  {Items: 5, Users: 5},
	} {
		t.Run(name, func(t *testing.T) {
			s := sim.New(cfg)
			n := len(slices.Collect(s.Events()))
			if name != "one item" && n > 0 {
				t.Errorf("%d events", n)
			}
			rng := rand.New(rand.NewPCG(1, 1))
			s.Visit(rng, s.Visitor(rng), []kindred.ItemID{"x"}, cfg.Now, "")
			if !math.IsInf(s.Truth().Affinity("x", "y"), -1) {
				t.Error("strangers have an affinity")
			}
		})
	}
}

func BenchmarkEvents(b *testing.B) {
	for b.Loop() {
		n := 0
		for range sim.New(sim.Defaults()).Events() {
			n++
		}
		b.ReportMetric(float64(n), "events")
	}
}

func ExampleShop_Visit() {
	cfg := sim.Defaults()
	shop := sim.New(cfg)
	shown := []kindred.ItemID{shop.Items()[0].ID, shop.Items()[1].ID, shop.Items()[2].ID}
	rng := rand.New(rand.NewPCG(3, 4))
	events := 0
	for range 100 {
		events += len(shop.Visit(rng, shop.Visitor(rng), shown, cfg.Now, "a-request"))
	}
	fmt.Println(events > 0)
	// Output: true
}
