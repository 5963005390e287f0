package eval

import (
	"fmt"
	"math"
)

// RatingReport says how near predictions came to the ratings given.
type RatingReport struct {
	Ratings int `json:"ratings"` // judged
	Users   int `json:"users"`
	// Estimates are, by the names of RatingMetrics: rmse and mae over all
	// ratings, user_rmse and user_mae averaged over users, each weighing the
	// same, and coverage, the share of ratings that have a prediction; the
	// others leave those without one out.
	Estimates map[string]Estimate `json:"estimates"`
}

// RatingMetrics names what Ratings measures, in the order to show it.
func RatingMetrics() []string { return []string{"rmse", "mae", "user_rmse", "user_mae", "coverage"} }

// Ratings compares predictions with ratings, row by row; NaN is no prediction.
// The standard error of a root mean square follows from that of the mean
// square by the delta method: SE(√m) = SE(m)/(2√m). It panics if the lengths
// differ.
func Ratings(users []int32, ratings, predictions []float32) RatingReport {
	if len(users) != len(ratings) || len(ratings) != len(predictions) {
		panic(fmt.Sprintf("eval: %d users, %d ratings and %d predictions", len(users), len(ratings), len(predictions)))
	}
	var squared, absolute, covered running
	type person struct{ squared, absolute running }
	people, order := map[int32]*person{}, []*person(nil)
	for k, user := range users {
		if people[user] == nil {
			people[user] = &person{}
			order = append(order, people[user])
		}
		miss := float64(predictions[k]) - float64(ratings[k])
		squared.add(miss * miss)
		absolute.add(math.Abs(miss))
		people[user].squared.add(miss * miss)
		people[user].absolute.add(math.Abs(miss))
		covered.add(map[bool]float64{false: 1}[math.IsNaN(miss)])
	}
	var userRMSE, userMAE running
	for _, p := range order {
		userRMSE.add(math.Sqrt(p.squared.estimate().Mean))
		userMAE.add(p.absolute.estimate().Mean)
	}
	return RatingReport{Ratings: len(ratings), Users: len(order), Estimates: map[string]Estimate{
		"rmse": rooted(squared.estimate()), "mae": absolute.estimate(),
		"user_rmse": userRMSE.estimate(), "user_mae": userMAE.estimate(), "coverage": covered.estimate(),
	}}
}

func rooted(e Estimate) Estimate {
	root := math.Sqrt(e.Mean)
	if root > 0 {
		return Estimate{root, e.StdErr / (2 * root)}
	}
	return Estimate{root, e.StdErr}
}

// OverFolds returns the means of the folds' figures, with standard errors over
// the folds; one fold stays as it is.
func OverFolds(folds []RatingReport) RatingReport {
	if len(folds) == 1 {
		return folds[0]
	}
	all := RatingReport{Estimates: map[string]Estimate{}}
	for _, name := range RatingMetrics() {
		var mean running
		for _, fold := range folds {
			mean.add(fold.Estimates[name].Mean)
		}
		all.Estimates[name] = mean.estimate()
	}
	for _, fold := range folds {
		all.Ratings += fold.Ratings
		all.Users = max(all.Users, fold.Users)
	}
	return all
}
