package dataset_test

import (
	"fmt"
	"time"

	"kindred"
	"kindred/dataset"
)

func day(n int) time.Time { return time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC) }

func ExampleBuilder() {
	b := dataset.NewBuilder(dataset.Defaults())
	for _, e := range []kindred.Event{
		{User: "ann", Item: "tent", Kind: kindred.View, Time: day(1)},
		{User: "ann", Item: "tent", Kind: kindred.Purchase, Time: day(2)},
		{User: "ann", Item: "stove", Kind: kindred.View, Time: day(3)},
		{User: "bob", Item: "stove", Kind: kindred.Like, Time: day(3)},
	} {
		b.Add(&e)
	}
	x, err := b.Build(day(4))
	if err != nil {
		fmt.Println(err)
		return
	}
	for u, user := range x.Users.IDs() {
		h := x.History(u)
		for n, item := range h.Items {
			fmt.Println(user, x.Items.ID(item), h.Weights[n])
		}
	}
	// Output:
	// ann tent 6
	// ann stove 1
	// bob stove 4
}

func ExampleBuilder_SplitAt() {
	b := dataset.NewBuilder(dataset.Defaults())
	for _, e := range []kindred.Event{
		{User: "ann", Item: "tent", Kind: kindred.View, Time: day(1)},
		{User: "bob", Item: "stove", Kind: kindred.View, Time: day(2)},
		{User: "ann", Item: "stove", Kind: kindred.View, Time: day(3)},
		{User: "ann", Item: "lamp", Kind: kindred.View, Time: day(4)},
		{User: "eve", Item: "tent", Kind: kindred.View, Time: day(4)},
	} {
		b.Add(&e)
	}
	h, err := b.SplitAt(day(3))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range h.Cases {
		fmt.Printf("%s went on to %s and %d unknown\n", h.Train.Users.ID(c.User), h.Train.Items.ID(c.Relevant[0]), c.Hidden)
	}
	fmt.Println(h.ColdUsers, "user and", h.ColdItems, "item are new")
	// Output:
	// ann went on to stove and 1 unknown
	// 1 user and 1 item are new
}

func ExampleFixed() {
	f := dataset.NewFixed()
	f.Add(dataset.TrainPart, "ann", "tent", 1, 0)
	f.Add(dataset.TrainPart, "bob", "stove", 1, 0)
	f.Add(dataset.TestPart, "ann", "lamp", 1, 0) // counts in the catalogue
	train, _, test := f.Build()
	fmt.Println(train.Items.Len(), "items,", train.ByUser.NNZ(), "pairs")
	for _, c := range test {
		fmt.Println(f.Users.ID(c.User), f.Items.ID(c.Relevant[0]))
	}
	// Output:
	// 3 items, 2 pairs
	// ann lamp
}
