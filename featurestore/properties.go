package featurestore

import (
	"context"
	"maps"
	"reflect"
	"time"

	"kindred"
	"kindred/feature"
	"kindred/store"
)

// change is a user or item as it was stored; nil properties: it was deleted.
type change struct {
	entity     feature.Entity
	id         string
	at         time.Time
	properties kindred.Attributes
}

// maxChanged is how many changes may wait; beyond, all of the catalogue is
// looked at instead.
const maxChanged = 100_000

// ItemsChanged takes note of items that have been stored.
func (s *Service) ItemsChanged(items []kindred.Item) {
	if len(s.plan.Attributes(feature.Item)) == 0 {
		return
	}
	list := make([]change, len(items))
	for i := range items {
		list[i] = change{feature.Item, string(items[i].ID), items[i].UpdatedAt, itemProperties(&items[i])}
	}
	s.note(list)
}

// ItemDeleted takes note of an item that has been deleted: it has no
// properties any more.
func (s *Service) ItemDeleted(id kindred.ItemID) {
	if len(s.plan.Attributes(feature.Item)) > 0 {
		s.note([]change{{feature.Item, string(id), s.now(), nil}})
	}
}

// UsersChanged takes note of users that have been stored.
func (s *Service) UsersChanged(users []kindred.User) {
	if len(s.plan.Attributes(feature.User)) == 0 {
		return
	}
	list := make([]change, len(users))
	for i := range users {
		list[i] = change{feature.User, string(users[i].ID), users[i].UpdatedAt, users[i].Attributes}
	}
	s.note(list)
}

func (s *Service) note(list []change) {
	s.changes.Lock()
	if len(s.changed) < maxChanged {
		s.changed = append(s.changed, list...)
	}
	s.changes.Unlock()
	signal(s.wake)
}

// itemProperties are an item's attributes and, by their names, its fields.
func itemProperties(item *kindred.Item) kindred.Attributes {
	all := kindred.Attributes{}
	if item.Title != "" {
		all["title"] = kindred.TextOf(item.Title)
	}
	if item.Price != 0 {
		all["price"] = kindred.NumberOf(item.Price)
	}
	if len(item.Categories) > 0 {
		all["categories"] = kindred.SetOf(item.Categories...)
	}
	if !item.AvailableFrom.IsZero() {
		all["available_from"] = kindred.TimeOf(item.AvailableFrom)
	}
	if !item.AvailableUntil.IsZero() {
		all["available_until"] = kindred.TimeOf(item.AvailableUntil)
	}
	maps.Copy(all, item.Attributes)
	return all
}

// recordChanges records the properties of what was stored here.
func (s *Service) recordChanges(ctx context.Context, o *feature.Online) error {
	s.changes.Lock()
	list := s.changed
	s.changed = nil
	s.changes.Unlock()
	if len(list) >= maxChanged {
		return s.record(ctx, o)
	}
	var values []store.FeatureValue
	for i := range list {
		if list[i].entity == feature.User {
			list[i].id = o.UserOf(list[i].id)
		}
		values = s.differing(values, o, &list[i])
	}
	return s.store.AppendFeatureValues(ctx, values)
}

// recordAll records the properties of all users and items where they differ
// from what was recorded last.
func (s *Service) recordAll(ctx context.Context) error {
	if state := s.state.Load(); state != nil {
		return s.record(ctx, state)
	}
	return nil
}

func (s *Service) record(ctx context.Context, o *feature.Online) error {
	var values []store.FeatureValue
	flush := func(least int) error {
		if len(values) < least || len(values) == 0 {
			return nil
		}
		err := s.store.AppendFeatureValues(ctx, values)
		values = values[:0]
		return err
	}
	if len(s.plan.Attributes(feature.Item)) > 0 {
		err := s.store.ScanItems(ctx, func(item *kindred.Item) error {
			values = s.differing(values, o, &change{feature.Item, string(item.ID), item.UpdatedAt, itemProperties(item)})
			return flush(batchSize)
		})
		if err != nil {
			return err
		}
	}
	if len(s.plan.Attributes(feature.User)) > 0 {
		err := s.store.ScanUsers(ctx, func(user *kindred.User) error {
			values = s.differing(values, o, &change{feature.User, string(user.ID), user.UpdatedAt, user.Attributes})
			return flush(batchSize)
		})
		if err != nil {
			return err
		}
	}
	if err := flush(1); err != nil {
		return err
	}
	return s.followValues(ctx, o)
}

// differing appends the properties of a change that are not what the state
// knows of the moment. Of what an item or user is not stored with, only a
// deletion says anything: it may have been pushed.
func (s *Service) differing(values []store.FeatureValue, o *feature.Online, c *change) []store.FeatureValue {
	for _, name := range s.plan.Attributes(c.entity) {
		former := o.Property(c.entity, c.id, name, c.at.UnixMilli())
		value, has := c.properties[name]
		switch {
		case has && (former == nil || !reflect.DeepEqual(*former, value)):
			values = append(values, store.FeatureValue{Entity: string(c.entity), ID: c.id, Name: name, Time: c.at, Value: &value})
		case former != nil && c.properties == nil:
			values = append(values, store.FeatureValue{Entity: string(c.entity), ID: c.id, Name: name, Time: c.at})
		}
	}
	return values
}

// Push stores values of properties from outside, and brings the state up to
// them.
func (s *Service) Push(ctx context.Context, values []store.FeatureValue) error {
	if err := s.store.AppendFeatureValues(ctx, values); err != nil {
		return err
	}
	return s.Follow(ctx)
}
