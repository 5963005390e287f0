package clean

import (
	"fmt"
	"math"
	"math/bits"
	"time"

	"kindred"
)

const (
	restlessHours = 48
	minPauses     = 18 // before their regularity says something
	memory        = 24 // pauses that the mean and deviation are of, about
	leastPause    = 0.5
	minConcerned  = 30 // views and clicks before one item's share says something
	halveAt       = 64
)

// What makes a bot only together with another.
const (
	nearlyRegular uint8 = 1 << iota // twice the deviation that makes a bot
	nearlyFast                      // half the events a minute
	neverShown
)

// audience is how common impressions are among those who click much.
type audience struct{ with, without uint32 }

// suspect counts an event and returns why its user is a bot, if that shows
// now.
func (j *Judge) suspect(u *user, e *kindred.Event, at *moment) string {
	b := &j.settings.Bots
	if !b.On || u.isBot {
		return ""
	}
	why := ""
	switch {
	case b.Agents && at.said.agent != "" && j.agents.isCrawler(at.said.agent):
		why = fmt.Sprintf("its agent is a crawler's: %.80q", at.said.agent)
	case e.Kind == kindred.Impression:
		count(&u.shown)
	case isAct(e.Kind):
		why = j.acted(u, e, at)
	}
	if why == "" && bits.OnesCount8(u.weak) > 1 {
		why = weakness(u.weak)
	}
	u.isBot = why != ""
	return why
}

// acted counts what a user did and returns why no person does so.
func (j *Judge) acted(u *user, e *kindred.Event, at *moment) (why string) {
	count(&u.acts)
	if e.Kind == kindred.Click {
		count(&u.clicks)
		j.compare(u)
	}
	if why = j.concentration(u, at); why != "" || at.time <= u.lastAct {
		return why // of one moment: delivered together, or dated by the day
	}
	pause := at.time - u.lastAct
	u.lastAct = at.time
	if why = j.velocity(u, at); why == "" {
		why = j.rest(u, at)
	}
	if why == "" && u.acts > 1 && pause <= j.settings.SessionGap.Milliseconds() {
		why = j.regularity(u, at, float64(pause)/1000)
	}
	return why
}

func (j *Judge) velocity(u *user, at *moment) string {
	b := &j.settings.Bots
	if minute := at.time / time.Minute.Milliseconds(); minute != u.minute {
		u.minute, u.perMinute = minute, 0
	}
	count(&u.perMinute)
	if b.PerMinute > 0 && int(u.perMinute) > b.PerMinute {
		return fmt.Sprintf("%d events in a minute", u.perMinute)
	}
	if b.PerMinute > 0 && int(u.perMinute) > b.PerMinute/2 {
		u.weak |= nearlyFast
	}
	if b.PerHour > 0 && int(u.perHour) > b.PerHour {
		return fmt.Sprintf("%d events in an hour", u.perHour)
	}
	return ""
}

// rest counts by the hour: people sleep.
func (j *Judge) rest(u *user, at *moment) string {
	hour := at.time / time.Hour.Milliseconds()
	if later := hour - u.hour; later != 0 {
		u.hours <<= min(later, 64) //nolint:gosec // at.time is later than before
		u.hour, u.perHour = hour, 0
	}
	u.hours |= 1
	count(&u.perHour)
	awake := bits.OnesCount64(u.hours & (1<<restlessHours - 1))
	if b := j.settings.Bots.Restless; b > 0 && awake >= b {
		return fmt.Sprintf("active in %d of %d hours", awake, restlessHours)
	}
	return ""
}

// regularity follows the mean and deviation of pauses, in seconds, from when
// most of them began to be alike. Beats left out, as for what is not on sale,
// do not break a rhythm. What is dated by the minute says nothing about it.
func (j *Judge) regularity(u *user, at *moment, pause float64) string {
	least := j.settings.Bots.Regularity
	if least == 0 || pause < leastPause || at.time%time.Minute.Milliseconds() == 0 && math.Mod(pause, 60) == 0 {
		return ""
	}
	switch beats := pause / u.mean; {
	case u.pauses == 0 || 2*u.offBeat > u.pauses: // it never was one
		u.mean, u.variance, u.pauses, u.offBeat = pause, 0, 1, 0
		return ""
	case beats > 1.5 && beats < 3.5 && math.Abs(beats-math.Round(beats)) < least:
		return "" // a beat or two left out
	case math.Abs(beats-1) > 1./3:
		count(&u.offBeat)
	}
	count(&u.pauses)
	share := 1 / float64(min(u.pauses, memory))
	off := min(pause-u.mean, u.mean)
	u.mean += share * off
	u.variance = (1 - share) * (u.variance + share*off*off)
	if u.pauses < minPauses {
		return ""
	}
	deviation := math.Sqrt(u.variance) / u.mean
	if deviation < least {
		return fmt.Sprintf("regular: %d pauses of %.1f s with a deviation of %.0f %%", u.pauses, u.mean, 100*deviation)
	}
	if deviation < 2*least {
		u.weak |= nearlyRegular
	}
	return ""
}

// concentration follows the share of the item that is met most (after Boyer
// and Moore's majority vote: a favourite stays while it has the majority).
func (j *Judge) concentration(u *user, at *moment) string {
	if at.item == hashOf("") {
		return ""
	}
	u.candidates++
	if at.item == u.favourite {
		u.hits++
	} else if 2*u.hits < u.candidates {
		u.favourite, u.hits, u.candidates = at.item, 1, 1
	}
	if u.candidates >= halveAt {
		u.candidates /= 2
		u.hits = (u.hits + 1) / 2
	}
	share := float64(u.hits) / float64(u.candidates)
	if most := j.settings.Bots.OneItem; most > 0 && u.acts >= minConcerned && u.candidates >= minConcerned && share >= most {
		return fmt.Sprintf("%.0f %% of its views and clicks are of one item", 100*share)
	}
	return ""
}

// compare looks for clicks without impressions, where most of those who click
// have some.
func (j *Judge) compare(u *user) {
	most := j.settings.Bots.Unshown
	if most == 0 || int(u.clicks) < most {
		return
	}
	if !u.inSum {
		u.inSum = true
		if u.shown > 0 {
			j.shown.with++
		} else {
			j.shown.without++
		}
	}
	const enough = 20
	if u.shown == 0 && j.shown.with >= enough && j.shown.without <= j.shown.with/4 {
		u.weak |= neverShown
	}
}

// weakness says what several suspicions are.
func weakness(weak uint8) string {
	text := ""
	for i, name := range []string{"nearly regular", "nearly too fast", "clicks what it was never shown"} {
		if weak&(1<<i) != 0 {
			if text != "" {
				text += ", "
			}
			text += name
		}
	}
	return text
}
