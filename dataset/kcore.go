package dataset

// core returns the largest subset of the pairs in which every user has at
// least minUser items and every item at least minItem users, in the same
// order, with how many pairs each user and item has there. Passes repeat until
// one removes nothing. Cost: O(pairs) a pass; data needs a handful.
func core(pairs []pair, users, items, minUser, minItem int) (left []pair, perUser, perItem []int32) {
	perUser, perItem = make([]int32, users), make([]int32, items)
	for _, p := range pairs {
		perUser[p.user]++
		perItem[p.item]++
	}
	for {
		left = pairs[:0]
		for _, p := range pairs {
			if int(perUser[p.user]) < minUser || int(perItem[p.item]) < minItem {
				perUser[p.user]--
				perItem[p.item]--
				continue
			}
			left = append(left, p)
		}
		if len(left) == len(pairs) {
			return left, perUser, perItem
		}
		pairs = left
	}
}
