package format

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestReadPairs(t *testing.T) {
	for name, c := range map[string]struct{ layout, text, want string }{
		"adjacency":            {"adjacency", "u 1 2 3\nv 1\n\nw\n", "u1=1@0 u2=1@0 u3=1@0 v1=1@0"},
		"adjacency guessed":    {"auto", "0 1 2 3\n1 5\n", "01=1@0 02=1@0 03=1@0 15=1@0"},
		"sequence":             {"sequence", "u 9 8\r\nv 7\r\n", "u9=1@1 u8=1@2 v7=1@1"},
		"commas, header":       {"auto", "timestamp,userId,movieId,rating\n5,u,i,3.5\n", "ui=3.5@5"},
		"commas, no header":    {"auto", "u,i,3\nv,j,4\n", "ui=3@0 vj=4@0"},
		"tabs":                 {"auto", "196\t242\t3\t881250949\n", "196242=3@881250949"},
		"colons":               {"", "1::1193::5::978300760\n", "11193=5@978300760"},
		"spaces":               {"auto", "u i 2\nv j 3\n", "ui=2@0 vj=3@0"},
		"spaces, two":          {"triples", "u i\nv j\n", "ui=1@0 vj=1@0"},
		"blank lines":          {"triples", "u,i\n\nv,j\n", "ui=1@0 vj=1@0"},
		"recbole":              {"auto", "item_id:token\tuser_id:token\ttimestamp:float\ni\tu\t8e8\n", "ui=1@800000000"},
		"bom":                  {"auto", "\xef\xbb\xbfuser,item\nu,i\n", "ui=1@0"},
		"bad rating":           {"auto", "u,i,3\nu,i,good\n", `ui=3@0 error: format: FILE:2: rating "good" is no finite number`},
		"rating not finite":    {"auto", "u,i,NaN\n", `error: format: FILE:1: rating "NaN" is no finite number`},
		"bad time":             {"auto", "u,i,3,1e300\n", `error: format: FILE:1: time "1e300" is neither a number of 64 bits nor a date`},
		"missing item":         {"triples", "u,i\nu,\n", "ui=1@0 error: format: FILE:2: needs a user and an item"},
		"unknown layout":       {"matrix", "", `error: layout "matrix" is none of auto, adjacency, sequence, triples, recbole, jsonl`},
		"too long":             {"adjacency", "u i\n" + strings.Repeat("x ", 1<<20), "ui=1@0 error: format: FILE:2: is longer than 1 MB"},
		"no newline at end":    {"triples", "u,i\nv,j", "ui=1@0 vj=1@0"},
		"the reader wants out": {"triples", "u,i\nstop,j\n", "ui=1@0 error: format: FILE:2: stopped"},
		"empty":                {"auto", "", ""},
		"sessions, dates":      {"auto", "session_id,item_id,time\ns,i,2026-01-01T00:00:09Z\n", "s/si=1@1767225609"},
		"sessions of users":    {"auto", "user_id:token\tsession_id:token\titem_id:token\nu\ts\ti\n", "u/si=1@0"},
		"objects":              {"auto", `{"user":7,"item":"i","rating":2.5,"time":12}` + "\n\n" + `{"item":"j","session":"s"}`, "7i=2.5@12 s/sj=1@0"},
		"objects of lists":     {"auto", `{"session_id":"s","items":[5,"j",5]}` + "\n", "s/s5=1@1 s/sj=1@2 s/s5=1@3"},
		"object without item":  {"jsonl", `{"user":7}`, "error: format: FILE:1: needs a user and an item"},
		"seen":                 {"auto", "user,item,position,propensity\nu,i,3,0.5\nu,j,,\n", "ui=1@0#3/0.5 uj=1@0"},
		"seen, in objects":     {"jsonl", `{"user":"u","item":"i","position":2,"propensity":0.25}`, "ui=1@0#2/0.25"},
		"bad position":         {"auto", "user,item,position\nu,i,1.5\n", `error: format: FILE:2: position "1.5" is no place in a list (use 1 for the first)`},
		"bad propensity":       {"auto", "user,item,propensity\nu,i,0\n", `error: format: FILE:2: propensity "0" is no probability (use more than 0, up to 1)`},
		"no object":            {"jsonl", `[7]`, "error: format: FILE:1: is no JSON object: json: cannot unmarshal array into Go value of type map[string]interface {}"},
	} {
		t.Run(name, func(t *testing.T) {
			path := put(t, "pairs.txt", c.text)
			var got []string
			err := ReadPairs(path, c.layout, func(p Pair) error {
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
