// Command generate writes interactions such as large shops have, for
// measurements that must grow: few items are met by many (Zipf), users have
// tastes (groups of items), and few users do much (log-normal).
//
//	go run ./bench/generate -interactions 20000000 > interactions.csv
//
// The rows are user,item,time, user after user, each pair once; the same
// settings and seed give the same bytes. Memory is a few kB however many there
// are.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
)

func main() {
	var s settings
	flag.IntVar(&s.Interactions, "interactions", 1_000_000, "rows to write")
	flag.IntVar(&s.Items, "items", 0, "items there are (0: 6 times the root of the interactions, as in MovieLens)")
	flag.IntVar(&s.PerUser, "per-user", 50, "interactions of a mean user")
	flag.Uint64Var(&s.Seed, "seed", 1, "seed of every random choice")
	flag.Parse()
	out := bufio.NewWriterSize(os.Stdout, 1<<16)
	err := s.check()
	if err == nil {
		err = s.write(out)
	}
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

// settings say what to write.
type settings struct {
	Interactions, Items, PerUser int
	Seed                         uint64
	groups                       int
}

const (
	maxGroups  = 50 // of items that go together; a hundredth of the items where they are few
	minGroups  = 4
	tastes     = 3   // groups a user likes
	loyalty    = 0.8 // share of a user's items that come from them
	exponent   = 1.1 // of popularity: the r-th item is met as (head+r)^−exponent
	head       = 2.0 // flattens the top of the list
	spread     = 1.0 // deviation of the logarithm of a user's interactions
	firstTime  = 1_700_000_000
	joinPeriod = 365 * 86_400 // seconds over which users come
	pause      = 2 * 86_400   // mean seconds between two interactions of a user
)

// check completes the settings and reports what cannot be.
func (s *settings) check() error {
	if s.Items == 0 {
		s.Items = max(minGroups, int(6*math.Sqrt(float64(s.Interactions))))
	}
	s.groups = max(minGroups, min(maxGroups, s.Items/100))
	if s.Interactions < 1 || s.PerUser < 1 || s.Items < minGroups || s.Items > math.MaxInt32 {
		return fmt.Errorf("%d interactions, %d per user, %d items (use at least 1, 1 and %d)", s.Interactions, s.PerUser, s.Items, minGroups)
	}
	return nil
}

func (s *settings) write(w io.Writer) error {
	if _, err := io.WriteString(w, "user,item,time\n"); err != nil {
		return err
	}
	var line []byte
	for user, left := 0, s.Interactions; left > 0; user++ {
		v := s.visitor(user)
		n := min(v.count(), left)
		left -= n
		for at := v.join(); n > 0; n-- {
			at += int64(v.dice.ExpFloat64() * pause)
			line = append(line[:0], 'u')
			line = strconv.AppendInt(line, int64(user), 10)
			line = append(line, ",i"...)
			line = strconv.AppendInt(line, int64(v.next()), 10)
			line = append(line, ',')
			line = strconv.AppendInt(line, at, 10)
			line = append(line, '\n')
			if _, err := w.Write(line); err != nil {
				return err
			}
		}
	}
	return nil
}

// visitor is one user, with dice of its own.
type visitor struct {
	*settings
	dice   *rand.Rand
	tastes [tastes]int
	within *rand.Zipf // the place of an item in its group
	met    map[int]bool
}

func (s *settings) visitor(user int) *visitor {
	dice := rand.New(rand.NewPCG(s.Seed, uint64(user)))
	v := &visitor{
		settings: s, dice: dice, met: map[int]bool{},
		within: rand.NewZipf(dice, exponent, head, uint64(s.Items/s.groups-1)),
	}
	for k := range v.tastes {
		v.tastes[k] = dice.IntN(s.groups)
	}
	return v
}

// count draws how many items the user meets, a quarter of all at most.
func (v *visitor) count() int {
	location := math.Log(float64(v.PerUser)) - spread*spread/2
	return max(1, min(v.Items/4, int(math.Exp(location+spread*v.dice.NormFloat64()))))
}

func (v *visitor) join() int64 { return firstTime + v.dice.Int64N(joinPeriod) }

// next draws an item that the user has not met. The item at place r of group
// c is number r·groups + c, so that low numbers are popular.
func (v *visitor) next() int {
	for {
		group := v.dice.IntN(v.groups)
		if v.dice.Float64() < loyalty {
			group = v.tastes[v.dice.IntN(tastes)]
		}
		item := int(v.within.Uint64())*v.groups + group
		// A user who has met nearly all of what is likely takes any item.
		if len(v.met) > v.Items/8 {
			item = v.dice.IntN(v.Items)
		}
		if !v.met[item] {
			v.met[item] = true
			return item
		}
	}
}
