package check

import (
	"fmt"
	"time"
)

func behaviourChecks() []Check {
	const group = "behaviour"
	return []Check{
		{
			Name: "kinds_single", Group: group, Severity: Info, Unit: unitRows, Figure: "1 if all events are of one kind",
			Meaning: "looking and buying cannot be told apart", Advice: "send views and carts beside purchases", find: findSingleKind,
		},
		{
			Name: "impressions_none", Group: group, Severity: Info, Unit: unitRows, Figure: "1 if neither impressions nor lists shown are stored",
			Meaning: "what was shown and passed over is not known: no position bias, no rankers", Advice: "take lists from this engine, or send events of kind impression with their position",
			find: func(c *Collector) finding {
				f := finding{of: c.events.count}
				if c.shown.count == 0 && c.events.kinds["impression"] == nil {
					f.figure = 1
				}
				return f
			},
		},
		{
			Name: "users_anonymous", Group: group, Severity: Info, Limit: 0.5, Unit: unitShare,
			Figure:  "events of users called guest, anonymous, visitor or the like, of all",
			Meaning: "their histories end with the visit", Advice: "send a lasting identifier once it is known, and merge the two",
			find: func(c *Collector) finding {
				return of(c.events.anonymous, c.events.count, c.events.anonymousPeople)
			},
		},
		{
			Name: "sessions_none", Group: group, Severity: Info, Limit: 0.5, Unit: unitShare, Figure: "events without a session, of all",
			Meaning: "visits are guessed from pauses", Advice: "send the session of the client, if it has one",
			find: func(c *Collector) finding { return of(c.events.count-c.events.inSession, c.events.count, nil) },
		},
		{
			Name: "session_shared", Group: group, Severity: Warning, Limit: 0.01, Unit: unitShare, Figure: "sessions of several users, of all",
			Meaning: "what strangers did counts as done together", Advice: "make session identifiers unique, or leave them out",
			find: func(c *Collector) finding {
				return c.countSessions(func(s *sessionFacts) bool { return s.shared })
			},
		},
		{
			Name: "session_long", Group: group, Severity: Warning, Limit: 0.01, Unit: unitShare, Figure: "sessions of more than a day or 1000 events, of all",
			Meaning: "an identifier is used again, or a program visits", Advice: "begin a new session after half an hour without an event",
			find: func(c *Collector) finding {
				return c.countSessions(func(s *sessionFacts) bool { return s.last-s.first > dayMillis || s.events > 1000 })
			},
		},
	}
}

func findSingleKind(c *Collector) finding {
	if c.events.count == 0 {
		return skip("there are no events")
	}
	f := finding{of: c.events.count}
	if len(c.events.byIndex) == 1 {
		f.figure, f.detail = 1, "all are of kind "+string(c.events.byIndex[0].name)
	}
	return f
}

func (c *Collector) countSessions(is func(*sessionFacts) bool) finding {
	var n, all, most int64
	for _, s := range c.sessions.values {
		all++
		most = max(most, int64(s.events))
		if is(s) {
			n++
		}
	}
	return of(c.sessions.scale(n), c.sessions.scale(all), nil).about(fmt.Sprintf("the longest has %d events", most)).orSkip("no event names a session")
}

func joinChecks() []Check {
	const group = "joins"
	return []Check{
		{
			Name: "request_missing", Group: group, Severity: Warning, Limit: 0.995, Unit: unitShare,
			Figure:  "events without a request_id since the first list was shown, of those wanted (neither shown nor searched)",
			Meaning: "which list led to what is not known: nothing can be learned from what was passed over", Advice: "send the request_id and position of a list with what follows it", find: findNoRequest,
		},
		{
			Name: "request_unjoined", Group: group, Severity: Warning, Limit: 0.05, Unit: unitShare,
			Figure:  "events whose request_id no list shown has, of those with one",
			Meaning: "what they followed is not known", Advice: "send the request_id as it was answered, within the time that lists are kept (keep_exposures)",
			find: func(c *Collector) finding {
				return of(c.events.unjoined, c.events.joinable, c.events.unjoinedExamples).orSkip("no event names a list")
			},
		},
		{
			Name: "exposure_empty", Group: group, Severity: Warning, Limit: 0.001, Unit: unitShare, Figure: "lists shown without an item, of all",
			Meaning: "somebody was shown nothing", Advice: "see filters and availability; raise the number of candidates",
			find: func(c *Collector) finding {
				return of(c.shown.empty, c.shown.count, nil).orSkip("no lists were shown yet")
			},
		},
		{
			Name: "click_unjoined", Group: group, Severity: Warning, Limit: 0.05, Unit: unitShare,
			Figure:  "clicks on what the user had not been shown before, of all clicks, where impressions are sent",
			Meaning: "impressions are lost, so that rates of clicks are too high", Advice: "send the impression of every item shown", find: findClicks,
		},
		{
			Name: "purchase_unviewed", Group: group, Severity: Info, Limit: 0.5, Unit: unitShare,
			Figure:  "bought pairs of user and item never viewed or clicked, of all bought, where views are sent",
			Meaning: "views are lost, or users are named otherwise at the till", Advice: "compare the identifiers of views with those of purchases", find: findUnviewed,
		},
		{
			Name: "position_missing", Group: group, Severity: Warning, Limit: 0.5, Unit: unitShare,
			Figure:  "impressions and events with a request_id that have no position, of all such",
			Meaning: "the bias of positions cannot be estimated or taken out", Advice: "send the position, from 1",
			find: func(c *Collector) finding {
				return of(c.events.placeable-c.events.placed, c.events.placeable, nil).orSkip("there are no events of lists")
			},
		},
		{
			Name: "feedback_loop", Group: group, Severity: Info, Limit: 0.8, Unit: unitShare,
			Figure:  "events that name a list, of those wanted since the first list was shown",
			Meaning: "models learn mostly from what models chose", Advice: "let some of the lists explore",
			find: func(c *Collector) finding {
				return of(c.events.requested, c.events.outcomesAfterLists, nil).orSkip("no lists were shown yet")
			},
		},
	}
}

func findNoRequest(c *Collector) finding {
	const few = 1000
	if c.shown.count < few || c.events.outcomesAfterLists < few || c.shown.last-c.shown.first < int64(time.Hour/time.Millisecond) {
		return skip("fewer than 1000 lists or events since the first, or less than an hour")
	}
	return of(c.events.outcomesAfterLists-c.events.requested, c.events.outcomesAfterLists, nil)
}

func findClicks(c *Collector) finding {
	var unjoined, clicks, shown int64
	for _, p := range c.pairs.values {
		if p.did&didSee != 0 {
			shown++
		}
		clicks += int64(p.clicks)
		switch {
		case p.did&didClick == 0:
		case p.did&didSee == 0:
			unjoined += int64(p.clicks)
		case p.clicked < p.saw:
			unjoined++
		}
	}
	if clicks == 0 || shown == 0 {
		return skip("clicks and impressions are not both sent")
	}
	return of(c.pairs.scale(unjoined), c.pairs.scale(clicks), nil)
}

func findUnviewed(c *Collector) finding {
	var unviewed, bought, viewed int64
	for _, p := range c.pairs.values {
		seen := p.did&(didView|didClick) != 0
		if seen {
			viewed++
		}
		if p.did&didBuy != 0 {
			bought++
			if !seen {
				unviewed++
			}
		}
	}
	if bought == 0 || viewed == 0 {
		return skip("purchases and views are not both sent")
	}
	return of(c.pairs.scale(unviewed), c.pairs.scale(bought), nil)
}
