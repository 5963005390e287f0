package check

// Kept is how many values the sketches hold.
func (c *Collector) Kept() int {
	return len(c.items.values) + len(c.users.values) + len(c.pairs.values) + len(c.sessions.values) + len(c.contents.values) +
		len(c.ids.values) + len(c.requests.values) + len(c.topUsers.counts) + len(c.topItems.counts) + len(c.topMoments.counts)
}
