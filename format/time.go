package format

import (
	"errors"
	"math"
	"strconv"
	"time"
)

var errTime = errors.New("is no time between 1970 and 2100 (unix seconds, 2006-01-02T15:04:05Z, 2006-01-02 15:04:05, …)")

// parseTime reads a unix time in s, ms, µs or ns, told apart by magnitude, or
// one of the common layouts, in UTC unless it says otherwise. A number must be
// sane, for it may be none; a date may be any: "until 9999" is usual.
func parseTime(text string) (time.Time, error) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		switch {
		case n < 1e11:
			return sane(time.Unix(n, 0))
		case n < 1e14:
			return sane(time.UnixMilli(n))
		case n < 1e17:
			return sane(time.UnixMicro(n))
		default:
			return sane(time.Unix(0, n))
		}
	}
	if x, err := strconv.ParseFloat(text, 64); err == nil && math.Abs(x) < 1e15 {
		if x < 1e11 {
			x *= 1000
		}
		return sane(time.UnixMilli(int64(math.Round(x))))
	}
	for _, layout := range [...]string{
		time.RFC3339, "2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04",
		"2006-01-02", "1/2/2006 15:04", "1/2/2006 15:04:05", "1/2/2006", "02-Jan-2006",
	} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC().Truncate(time.Millisecond), nil
		}
	}
	return time.Time{}, errTime
}

// sane takes the times an event can have happened at.
func sane(t time.Time) (time.Time, error) {
	if t = t.UTC(); t.Year() < 1970 || t.Year() > 2100 {
		return time.Time{}, errTime
	}
	return t.Truncate(time.Millisecond), nil
}
