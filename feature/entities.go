package feature

import (
	"maps"
	"slices"
)

// Entities returns the users or items that the state knows anything of, in the
// order of their IDs. Cost: sorting them.
func (o *Online) Entities(entity Entity) []string {
	o.mu.RLock()
	defer o.mu.RUnlock()
	ids := slices.Collect(maps.Keys(o.told[entity]))
	of := map[Entity]*table{User: &o.users, Item: &o.items}[entity]
	for id, track := range of.tracks {
		if track != nil && track.first != never {
			ids = append(ids, of.ids.ID(int32(id)))
		}
	}
	if entity == User {
		ids = slices.DeleteFunc(ids, func(id string) bool { return o.userOf(id) != id })
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}
