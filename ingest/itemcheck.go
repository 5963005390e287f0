package ingest

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"kindred"
	"kindred/schema"
)

// attributeTypes are the types that items' attributes have, where items with
// others are refused. Safe for concurrent use.
type attributeTypes struct {
	mu    sync.RWMutex
	known map[string]kindred.AttributeType
}

func (t *attributeTypes) of(name string) kindred.AttributeType {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.known[name]
}

// learn takes types in, unless there is one of the name.
func (t *attributeTypes) learn(types map[string]kindred.AttributeType) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for name, found := range types {
		if t.known[name] == 0 {
			t.known[name] = found
		}
	}
}

// ItemCheck validates the items of one request or import. It is for one
// goroutine.
type ItemCheck struct {
	service *Service
	fresh   map[string]kindred.AttributeType // of attributes that the valid items are the first to have
}

// CheckItems returns a check for the items of one request or import.
func (s *Service) CheckItems() *ItemCheck {
	return &ItemCheck{s, map[string]kindred.AttributeType{}}
}

// Validate reports every fault of an item, by field, those against the schema
// included.
func (c *ItemCheck) Validate(i *kindred.Item) []kindred.FieldError {
	faults := ValidateItem(i)
	if len(faults) == 0 {
		faults = c.service.cfg.Schema.Check(i)
	}
	if len(faults) > 0 || c.service.cfg.Schema.TypeConflicts != schema.Reject {
		return faults
	}
	fresh := map[string]kindred.AttributeType{}
	for _, name := range slices.Sorted(maps.Keys(i.Attributes)) {
		is, has := c.typeOf(name), i.Attributes[name].Type
		switch {
		case is == 0:
			fresh[name] = has
		case is != has:
			faults = append(faults, kindred.FieldError{
				Field: "attributes." + name, Message: fmt.Sprintf("is a %s, and of other items a %s (send one type, or declare it under catalogue: in kindred.yaml)", has, is),
			})
		}
	}
	if len(faults) == 0 {
		maps.Copy(c.fresh, fresh)
	}
	return faults
}

func (c *ItemCheck) typeOf(name string) kindred.AttributeType {
	if declared, is := c.service.cfg.Schema.Attributes[name]; is {
		return declared.AttributeType()
	}
	if known := c.service.types.of(name); known != 0 {
		return known
	}
	return c.fresh[name]
}

// Stored says that the valid items are stored: the types that they were the
// first to have hold for all to come.
func (c *ItemCheck) Stored() { c.service.types.learn(c.fresh) }
