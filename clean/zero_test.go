package clean_test

import (
	"math/rand/v2"
	"strconv"
	"testing"

	"kindred"
	"kindred/clean"
	"kindred/sim"
)

// numbered returns a shop's history in which users and items are numbers from
// 0 on, guests being part of the events that are user 0's instead.
func numbered(seed uint64, guests float64) (rows []sim.Row, zeros int) {
	cfg := sim.Defaults()
	cfg.Seed, cfg.BotShare, cfg.Users = seed, 0, 1000
	users, items := map[kindred.UserID]int{}, map[kindred.ItemID]int{}
	rng := rand.New(rand.NewPCG(seed, 9))
	for _, row := range sim.New(cfg).Dirty(sim.Dirt{}) {
		e := &row.Event
		if _, known := users[e.User]; !known {
			users[e.User] = len(users)
		}
		if _, known := items[e.Item]; !known && e.Item != "" {
			items[e.Item] = len(items)
		}
		if e.Item != "" {
			e.Item = kindred.ItemID(strconv.Itoa(items[e.Item]))
		}
		e.User = kindred.UserID(strconv.Itoa(users[e.User]))
		if rng.Float64() < guests {
			e.User = "0"
		}
		if e.User == "0" {
			zeros++
		}
		rows = append(rows, row)
	}
	return rows, zeros
}

// TestZero expects numbers from 0 on to lose nobody and nothing, and guests
// who are all 0 to be found, all of them.
func TestZero(t *testing.T) {
	for seed := range uint64(2) {
		for _, guests := range []float64{0, 0.05, 0.4} {
			rows, zeros := numbered(seed, guests)
			verdicts, _ := judgeAll(t, clean.Defaults(), rows)
			found := 0
			for i := range rows {
				switch {
				case verdicts[i]&kindred.Placeholder == 0:
				case rows[i].Event.User != "0":
					t.Fatalf("%+v taken for a placeholder", rows[i].Event)
				default:
					found++
				}
			}
			want := zeros
			if guests == 0 {
				want = 0
			}
			if found != want {
				t.Errorf("seed %d, %g guests: %d of %d events of user 0 are nobody's, want %d", seed, guests, found, zeros, want)
			}
		}
	}
	always := clean.Defaults()
	always.Placeholders.Names = append(always.Placeholders.Names, "0")
	rows, _ := numbered(1, 0)
	verdicts, _ := judgeAll(t, always, rows)
	for i, verdict := range verdicts {
		if e := &rows[i].Event; (verdict&kindred.Placeholder != 0) != (e.User == "0" || e.Item == "0") {
			t.Fatalf("0 being named, %+v is %v", e, verdict)
		}
	}
}
