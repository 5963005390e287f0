package clean

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"time"
)

//go:embed agents.txt
var agentPatterns string

// rememberedAgents is how many agents' answers are kept: an answer takes some
// 50 µs, and few agents make most events.
const rememberedAgents = 8192

// agents knows crawlers by what they send as their agent.
type agents struct {
	literals []string
	others   *regexp.Regexp
	known    map[string]bool
}

func newAgents() (*agents, error) {
	a := &agents{known: map[string]bool{}}
	var others []string
	for line := range strings.Lines(agentPatterns) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" || line[0] == '#' {
			continue
		}
		parsed, err := syntax.Parse(line, syntax.Perl)
		if err != nil {
			return nil, fmt.Errorf("clean: agents.txt: %w", err)
		}
		if parsed.Op == syntax.OpLiteral && parsed.Flags&syntax.FoldCase == 0 {
			a.literals = append(a.literals, string(parsed.Rune))
		} else {
			others = append(others, "(?:"+line+")")
		}
	}
	var err error
	if a.others, err = regexp.Compile(strings.Join(others, "|")); err != nil {
		return nil, fmt.Errorf("clean: agents.txt: %w", err)
	}
	return a, nil
}

// isCrawler says whether an agent is that of a known crawler.
func (a *agents) isCrawler(agent string) bool {
	if agent == "" {
		return false
	}
	is, known := a.known[agent]
	if known {
		return is
	}
	is = a.others.MatchString(agent)
	for i := 0; i < len(a.literals) && !is; i++ {
		is = strings.Contains(agent, a.literals[i])
	}
	if len(a.known) >= rememberedAgents {
		clear(a.known)
	}
	a.known[strings.Clone(agent)] = is
	return is
}

// said is what an event's context says that stages go by.
type said struct {
	agent    string
	dwell    time.Duration
	hasDwell bool
}

// saidOf reads the members user_agent and dwell_seconds of a context; what is
// not of the right type is not there.
func saidOf(context []byte) (s said) {
	if !bytes.Contains(context, []byte(`"user_agent"`)) && !bytes.Contains(context, []byte(`"dwell_seconds"`)) {
		return s
	}
	var members struct {
		Agent any `json:"user_agent"`
		Dwell any `json:"dwell_seconds"`
	}
	if json.Unmarshal(context, &members) != nil {
		return s
	}
	s.agent, _ = members.Agent.(string)
	var seconds float64
	if seconds, s.hasDwell = members.Dwell.(float64); s.hasDwell {
		s.dwell = time.Duration(min(max(seconds, 0), 1e6) * float64(time.Second))
	}
	return s
}
