package recommend

import (
	"context"
	"sync"

	"kindred"
)

// aliases says whose an ID is. All of them are in memory, at some 100 bytes
// each: what comes in under one ID must drop what is cached for the user.
type aliases struct {
	store Aliases

	reading sync.Mutex // held from reading the store to changing users
	changes int64      // of the store, when read; guarded by reading

	mu    sync.RWMutex
	users map[kindred.UserID]kindred.UserID // by alias
}

// of returns whose an ID is: the ID itself, if it is no alias.
func (a *aliases) of(id kindred.UserID) kindred.UserID {
	a.mu.RLock()
	defer a.mu.RUnlock()
	if user, isAlias := a.users[id]; isAlias {
		return user
	}
	return id
}

func (a *aliases) len() int {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return len(a.users)
}

// load reads all aliases, if there are changes.
func (a *aliases) load(ctx context.Context) error {
	a.reading.Lock()
	defer a.reading.Unlock()
	users := map[kindred.UserID]kindred.UserID{}
	changes, err := a.store.ScanAliases(ctx, a.changes, func(alias kindred.Alias) error {
		users[alias.ID] = alias.User
		return nil
	})
	if err != nil || changes == a.changes {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.users, a.changes = users, changes
	return nil
}

// read reads who goes by an ID, and returns all their IDs.
func (a *aliases) read(ctx context.Context, id kindred.UserID) ([]kindred.UserID, error) {
	a.reading.Lock()
	defer a.reading.Unlock()
	who, err := a.store.Person(ctx, id)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.users, who.ID)
	for i := range who.Aliases {
		a.users[who.Aliases[i].ID] = who.ID
	}
	return who.IDs(), nil
}

// UsersMerged takes note that users were merged or taken apart: of each it is
// given one ID. Their next answers differ. If it fails, nothing cached is kept.
func (s *Service) UsersMerged(ctx context.Context, ids ...kindred.UserID) error {
	for _, id := range ids {
		all, err := s.aliases.read(ctx, id)
		if err != nil {
			s.histories.forgetAll()
			return err
		}
		for _, id := range all {
			s.histories.forget(id)
		}
	}
	return nil
}
