package sim

import (
	"math"
	"strconv"
	"time"

	"kindred"
)

// botKind is how a program gives itself away.
type botKind uint8

const (
	human   botKind = iota
	fast            // opens page after page, about one a second
	regular         // comes as if by the clock, every ten minutes
	oneItem         // opens the same product over and over
)

// botDays is the part of the days on which a program runs.
const botDays = 0.06

// hideBots turns some of the shoppers into programs, anywhere in the list.
func (s *Shop) hideBots() {
	rng := s.dice(botDice)
	n := int(math.Round(s.cfg.BotShare * float64(len(s.users))))
	for k, u := range rng.Perm(len(s.users))[:n] {
		s.users[u].bot = fast + botKind(k%3)
	}
}

// crawl is one run of a program.
func (h *history) crawl(v start) {
	s := h.shop
	if len(s.items) == 0 {
		return
	}
	session := "visit-" + strconv.Itoa(h.visit)
	now, item := v.at, s.whole.draw(h.rng)
	pause, views := time.Second, 60+h.rng.IntN(60)
	switch s.users[v.user].bot {
	case regular:
		pause, views = 10*time.Minute, 24
	case oneItem:
		pause, views = 7*time.Second, 40
	case human, fast:
	}
	for range views {
		if s.users[v.user].bot != oneItem {
			item = int32(h.rng.IntN(len(s.items)))
		}
		if s.items[item].item.AvailableAt(now) {
			h.add(v.user, item, kindred.View, 1, session, 0, now)
		}
		now = now.Add(pause)
	}
}
