package featurestore

import (
	"cmp"
	"context"
	"slices"

	"kindred"
	"kindred/feature"
	"kindred/store"
)

// player plays the logs to a state, up to chosen places.
type player struct {
	service *Service
	state   *feature.Online
	asOf    *store.AsOf
	change  int64 // the place in the log of changes; 0 before the first list

	ahead []readEvent // the events that come next
	last  int64       // the place of the last event read
	isEnd bool        // there are no more to read
}

// readEvent is an event that was read ahead.
type readEvent struct {
	feature.Logged
	counts bool
}

// readAhead is how many events a player reads at a time.
const readAhead = 1 << 16

// to plays what a list's features knew of, as it was known then.
func (p *player) to(ctx context.Context, l *store.FeatureLog) error {
	if err := p.toValues(ctx, l.Values); err != nil {
		return err
	}
	if err := p.toChanges(ctx, l); err != nil {
		return err
	}
	for {
		if len(p.ahead) == 0 && !p.isEnd {
			if err := p.read(ctx); err != nil {
				return err
			}
		}
		n := 0
		var batch []feature.Logged
		for ; n < len(p.ahead) && p.ahead[n].Position <= l.Events; n++ {
			if p.ahead[n].counts {
				batch = append(batch, p.ahead[n].Logged)
			}
		}
		p.ahead = p.ahead[n:]
		p.state.Observe(batch, l.Time.UnixMilli())
		if len(p.ahead) > 0 || p.isEnd {
			p.state.Skip(l.Events)
			return nil
		}
	}
}

func (p *player) toValues(ctx context.Context, place int64) error {
	known := p.state.State().Values
	if place <= known {
		return nil
	}
	var batch []feature.Written
	err := p.service.store.FeatureValuesAfter(ctx, known, int(place-known), func(v store.FeatureValue) error {
		if v.Position <= place {
			batch = append(batch, written(&v))
		}
		return nil
	})
	p.state.Write(batch)
	return err
}

// toChanges plays changes, there or back: lists of several servers need not
// have known of them in the same order as of events.
func (p *player) toChanges(ctx context.Context, l *store.FeatureLog) error {
	if p.change == 0 {
		p.change = l.Changes
		_, err := p.service.know(ctx, p.state, l.Changes)
		return err
	}
	changes, err := p.asOf.Changes(ctx, p.change, l.Changes)
	if err != nil {
		return err
	}
	for i := range changes.Events {
		e := &changes.Events[i]
		place, isAhead := slices.BinarySearchFunc(p.ahead, e.Seq, func(a readEvent, seq int64) int { return cmp.Compare(a.Position, seq) })
		if isAhead {
			p.ahead[place].counts = p.service.plan.Accepts(e.Is)
		}
	}
	change := p.service.change(&changes, p.state.State().Position)
	p.state.Apply(&change, l.Time.UnixMilli())
	p.change = l.Changes
	return nil
}

func (p *player) read(ctx context.Context) error {
	n := 0
	_, err := p.asOf.Events(ctx, p.last, readAhead, p.change, func(seq int64, e *kindred.Event) error {
		n++
		p.last = seq
		p.ahead = append(p.ahead, readEvent{loggedEvent(seq, e), p.service.plan.Accepts(e.Verdict)})
		return nil
	})
	p.isEnd = n < readAhead
	return err
}
