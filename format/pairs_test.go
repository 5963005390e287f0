package format

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
)

func TestReadPairs(t *testing.T) {
	for name, c := range map[string]struct {
		layout, text, want string
		columns            []string
	}{
		"adjacency":            {"adjacency", "u 1 2 3\nv 1\n\nw\n", "u1=1@0 u2=1@0 u3=1@0 v1=1@0", nil},
		"adjacency guessed":    {"auto", "0 1 2 3\n1 5\n", "01=1@0 02=1@0 03=1@0 15=1@0", nil},
		"sequence":             {"sequence", "u 9 8\r\nv 7\r\n", "u9=1@1 u8=1@2 v7=1@1", nil},
		"commas, header":       {"auto", "timestamp,userId,movieId,rating\n5,u,i,3.5\n", "ui=3.5@5", nil},
		"commas, no header":    {"auto", "u,i,3\nv,j,4\n", "ui=3@0 vj=4@0", nil},
		"tabs":                 {"auto", "196\t242\t3\t881250949\n", "196242=3@881250949", nil},
		"colons":               {"", "1::1193::5::978300760\n", "11193=5@978300760", nil},
		"spaces":               {"auto", "u i 2\nv j 3\n", "ui=2@0 vj=3@0", nil},
		"spaces, two":          {"triples", "u i\nv j\n", "ui=1@0 vj=1@0", nil},
		"blank lines":          {"triples", "u,i\n\nv,j\n", "ui=1@0 vj=1@0", nil},
		"recbole":              {"auto", "item_id:token\tuser_id:token\ttimestamp:float\ni\tu\t8e8\n", "ui=1@800000000", nil},
		"bom":                  {"auto", "\xef\xbb\xbfuser,item\nu,i\n", "ui=1@0", nil},
		"bad rating":           {"auto", "u,i,3\nu,i,good\n", `ui=3@0 error: format: FILE:2: rating "good" is no finite number`, nil},
		"rating not finite":    {"auto", "u,i,NaN\n", `error: format: FILE:1: rating "NaN" is no finite number`, nil},
		"bad time":             {"auto", "u,i,3,1e300\n", `error: format: FILE:1: time "1e300" is neither a number of 64 bits nor a date`, nil},
		"missing item":         {"triples", "u,i\nu,\n", "ui=1@0 error: format: FILE:2: needs a user and an item", nil},
		"unknown layout":       {"matrix", "", `error: layout "matrix" is none of auto, adjacency, triples, recbole, sequence, jsonl, parquet`, nil},
		"too long":             {"adjacency", "u i\n" + strings.Repeat("x ", 1<<20), "ui=1@0 error: format: FILE:2: is longer than 1 MB", nil},
		"no newline at end":    {"triples", "u,i\nv,j", "ui=1@0 vj=1@0", nil},
		"the reader wants out": {"triples", "u,i\nstop,j\n", "ui=1@0 error: format: FILE:2: stopped", nil},
		"empty":                {"auto", "", "", nil},
		"sessions, dates":      {"auto", "session_id,item_id,time\ns,i,2026-01-01T00:00:09Z\n", "s/si=1@1767225609", nil},
		"sessions of users":    {"auto", "user_id:token\tsession_id:token\titem_id:token\nu\ts\ti\n", "u/si=1@0", nil},
		"objects":              {"auto", `{"user":7,"item":"i","rating":2.5,"time":12}` + "\n\n" + `{"item":"j","session":"s"}`, "7i=2.5@12 s/sj=1@0", nil},
		"objects of lists":     {"auto", `{"session_id":"s","items":[5,"j",5]}` + "\n", "s/s5=1@1 s/sj=1@2 s/s5=1@3", nil},
		"object without item":  {"jsonl", `{"user":7}`, "error: format: FILE:1: needs a user and an item", nil},
		"no object":            {"jsonl", `[7]`, "error: format: FILE:1: is no JSON object: json: cannot unmarshal array into Go value of type map[string]interface {}", nil},
		"seen":                 {"auto", "user,item,position,propensity\nu,i,3,0.5\nu,j,,\n", "ui=1@0#3/0.5 uj=1@0", nil},
		"seen, in objects":     {"jsonl", `{"user":"u","item":"i","position":2,"propensity":0.25}`, "ui=1@0#2/0.25", nil},
		"seen, in lists":       {"jsonl", `{"user":"u","items":[{"id":"x","item":"i","position":2}]}`, "ui=1@1#2/0", nil},
		"bad position":         {"auto", "user,item,position\nu,i,1.5\n", `error: format: FILE:2: position "1.5" is no place in a list (use 1 for the first)`, nil},
		"bad propensity":       {"auto", "user,item,propensity\nu,i,0\n", `error: format: FILE:2: propensity "0" is no probability (use more than 0, up to 1)`, nil},
		"semicolons, header":   {"auto", "session_id;user_id;item_id;timeframe;eventdate\n1;NA;81766;526309;2016-05-09\n", "NA/181766=1@1462752000", nil},
		"bars":                 {"auto", "u|i|4\n", "ui=4@0", nil},
		"quotes":               {"auto", "\"reviewerID\",\"asin\",\"overall\"\n\"u,1\",\"say \"\"i\"\"\",5\n", `u,1say "i"=5@0`, nil},
		"dates second":         {"auto", "1,2014-04-07T10:51:09.277Z,214536502,0\n1,2014-04-07T10:54:09.868Z,214536500,S\n", "1214536502=1@1396867869 1214536500=1@1396868049", nil},
		"dates last":           {"auto", "u,i,4,2014-04-07\n", "ui=4@1396828800", nil},
		"times third":          {"auto", "u\ti\t1396828800\nv\tj\t1396828801\n", "ui=1@1396828800 vj=1@1396828801", nil},
		"values third":         {"auto", "u,i,4000000\n", "ui=4e+06@0", nil},
		"milliseconds":         {"auto", "timestamp,visitorid,event,itemid\n1433221332117,257597,view,355908\n", "257597355908=1@1433221332", nil},
		"objects of objects":   {"auto", `{"session":7,"events":[{"aid":5,"ts":1661724000278,"type":"clicks"},{"aid":6,"ts":1661724001000}]}` + "\n", "7/75=1@1661724000 7/76=1@1661724001", nil},
		"reviews":              {"auto", `{"rating":5,"asin":"B1","parent_asin":"B0","user_id":"u","timestamp":1588687728923}` + "\n", "uB1=5@1588687728", nil},
		"columns named":        {"triples", "u\t2010-10-19T23:55:27Z\t30.2\t-97.7\t22847\n", "u22847=1@1287532527", []string{"user", "time", "-", "-", "item"}},
		"columns of nobody":    {"triples", "u,i\n", "error: format: FILE: the columns item,time name no item, or neither a user nor a session (name user, item, value, time, session, and - for others)", []string{"item", "time"}},
		"header of others":     {"auto", "who,what,stars\nu,i,4\n", `error: format: FILE: the first line, "who,what,stars", names no user and item (name the columns as it does user_id, item_id, rating, timestamp, session_id, or leave it out and give their names)`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			path := put(t, "pairs.txt", c.text)
			var got []string
			err := ReadPairs(path, PairOptions{Layout: c.layout, Columns: c.columns}, func(p Pair) error {
				if p.User == "stop" {
					return errors.New("stopped")
				}
				if p.Session != "" {
					p.User += "/" + p.Session
				}
				text := fmt.Sprintf("%s%s=%v@%d", p.User, p.Item, p.Value, p.Time)
				if p.Position != 0 || p.Propensity != 0 {
					text += fmt.Sprintf("#%d/%g", p.Position, p.Propensity)
				}
				got = append(got, text)
				return nil
			})
			if err != nil {
				got = append(got, "error: "+strings.ReplaceAll(err.Error(), path, "FILE"))
			}
			if text := strings.Join(got, " "); text != c.want {
				t.Errorf("got  %s\nwant %s", text, c.want)
			}
		})
	}
}

func TestReadPairsOfParquet(t *testing.T) {
	type list struct {
		Session string   `parquet:"session_id"`
		Items   []string `parquet:"items,list"`
	}
	type rating struct {
		Customer int64     `parquet:"customer_id"`
		Article  string    `parquet:"article_id"`
		Stars    float64   `parquet:"stars"`
		When     time.Time `parquet:"t_dat,timestamp(millisecond)"`
	}
	for name, c := range map[string]struct{ data, want string }{
		"rows":    {parquetOf(t, &parquet.Snappy, rating{7, "a", 2.5, time.Unix(1e9, 0)}, rating{8, "b", 3, time.Unix(2e9, 0)}), "[{7 a  2.5 1000000000 0 0} {8 b  3 2000000000 0 0}]"},
		"lists":   {parquetOf(t, &parquet.Snappy, list{"s", []string{"a", "b"}}), "[{s a s 1 1 0 0} {s b s 1 2 0 0}]"},
		"no item": {parquetOf(t, &parquet.Snappy, struct{ User string }{"u"}), "[] the columns User name no user and item"},
	} {
		path := put(t, "a.parquet", c.data)
		var got []Pair
		err := ReadPairs(path, PairOptions{}, func(p Pair) error {
			got = append(got, p)
			return nil
		})
		text := fmt.Sprint(got)
		if err != nil {
			_, reason, _ := strings.Cut(err.Error(), path+": ")
			text += " " + reason
		}
		if before, _, _ := strings.Cut(text, " (name them"); before != c.want {
			t.Errorf("%s: %s, want %s", name, text, c.want)
		}
	}
}
