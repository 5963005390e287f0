package api

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"kindred/feature"
	"kindred/featurestore"
	"kindred/store"
)

// Limits of a read of features, and of the lists that are described.
const (
	maxDescribed     = 10_000
	maxFeatureRows   = 10_000
	maxFeatureValues = 1_000_000 // rows times features
	maxColumns       = 256       // of entities, context and pushed data

	materializeTimeout = 10 * time.Minute
	tagFeatures        = "Features"
)

// Features is the feature store.
type Features interface {
	Plan() *feature.Plan
	Read(r *feature.Request) (feature.Reading, error)
	State() (feature.State, bool)
	Push(ctx context.Context, values []store.FeatureValue) error
	Materialize(ctx context.Context) error
	Follow(ctx context.Context) error
}

// FeatureReports tell of what the feature store served.
type FeatureReports interface {
	Followed() time.Time
	Describe(ctx context.Context, set string, lists int) (featurestore.Description, error)
}

// onlineBody asks for features in Feast's form.
type onlineBody struct {
	Features       []string         `json:"features,omitempty" doc:"As entity:name. Either these or feature_service." example:"[\"user:views_7d\"]"`
	FeatureService string           `json:"feature_service,omitempty" doc:"The name of a set."`
	Entities       map[string][]any `json:"entities" doc:"By join key (user or user_id, item or item_id, session or session_id): a value for each row. Context features may stand here, too."`
	FullNames      bool             `json:"full_feature_names,omitempty" doc:"Names are entity__name instead of name."`
	RequestContext map[string]any   `json:"request_context,omitempty" doc:"What the request says of itself: context features by attribute, for all rows."`
	Versions       bool             `json:"include_feature_view_version_metadata,omitempty" doc:"Read and passed over: Feast's client sends it."`
}

// onlineAnswer is the answer in Feast's form: results[i] belongs to
// feature_names[i].
type onlineAnswer struct {
	Metadata onlineNames    `json:"metadata"`
	Results  []onlineResult `json:"results" doc:"One for each feature name, each with a value for each row."`
}

type onlineNames struct {
	Names []string `json:"feature_names"`
}

type onlineResult struct {
	Values   []any    `json:"values" doc:"null, or the feature's default, where the status is not PRESENT."`
	Statuses []string `json:"statuses" doc:"PRESENT, NULL_VALUE, NOT_FOUND or OUTSIDE_MAX_AGE."`
	Times    []string `json:"event_timestamps" doc:"When the latest event or write happened that the value knows of; 1970 if none."`
}

// pushBody gives values to properties in Feast's form.
type pushBody struct {
	Source string         `json:"push_source_name" doc:"The entity: user or item." example:"user"`
	Data   map[string]any `json:"df" doc:"Columns: the join key, features of kind attribute or embedding by name, and event_timestamp (now if absent)."`
	To     string         `json:"to,omitempty" doc:"online, offline or online_and_offline: all the same here, for both sides read one log."`
	Cached bool           `json:"allow_registry_cache,omitempty" doc:"Read and passed over, as is transform_on_write."`
}

// writeBody is pushBody as Feast's remote online store sends it.
type writeBody struct {
	View string         `json:"feature_view_name" example:"user"`
	Data map[string]any `json:"df"`
}

type pushAnswer struct {
	Stored int `json:"stored" doc:"Values."`
}

type materializeAnswer struct {
	Users      int       `json:"users"`
	Items      int       `json:"items"`
	Sessions   int       `json:"sessions"`
	Position   int64     `json:"position" doc:"The place in the log of events up to which all is known."`
	FollowedAt time.Time `json:"followed_at" doc:"When the state last knew all that the log held: its age is the staleness of what is read."`
}

type featuresBody struct {
	Features []featureBody      `json:"features"`
	Sets     []featureSetBody   `json:"sets"`
	State    *materializeAnswer `json:"state" doc:"null until the features have been computed after a start."`
}

type featureBody struct {
	feature.Definition
	Ref   feature.Ref  `json:"ref" example:"user:views_7d"`
	Value feature.Type `json:"value_type" example:"number"`
}

type featureSetBody struct {
	feature.Set
	Version string `json:"version" doc:"Follows the meaning of the set's features and of all they read."`
}

func (s *Server) featureRoutes() []route {
	state := materializeAnswer{Users: 3000, Items: 1200, Position: 120_000, FollowedAt: exampleTime()}
	const push = "Values of features of kind attribute or embedding, to hold from event_timestamp on. They are durable, " +
		"and what held before stays known for training."
	const materialize = "The online state always follows the log by itself. "
	psi := 0.03
	described := featurestore.Description{
		Set: "basic", Version: "0f8e1c5a9b3d", Lists: 1000, From: exampleTime(), To: exampleTime().Add(time.Hour),
		Trained: &featurestore.Trained{Version: "0f8e1c5a9b3d", Time: exampleTime()},
		Features: []featurestore.DescribedFeature{{
			Summary: feature.Summary{
				Ref: "user:views_7d", Type: feature.Number, Rows: 20_000, Missing: 40, Mean: 12.5, SD: 9, Max: 80,
				Quantiles: []float64{1, 5, 11, 17, 31}, Edges: []float64{11}, Bins: []int64{9900, 10_060, 40},
			}, PSI: &psi,
		}},
		Skew: &featurestore.SkewReport{Time: exampleTime(), Lists: 500, Values: 10_000, Features: []string{}},
	}
	span := materializeBody{Start: "2026-01-01T00:00:00Z", End: "2026-01-02T15:04:05Z"}
	return []route{
		{
			method: http.MethodPost, path: "/get-online-features", scope: ScopeRead, handle: s.getOnlineFeatures, tag: tagFeatures,
			summary: "Values of features now", detail: "In the form of Feast's feature server: results[i] is the column of feature_names[i]. At most 10,000 rows and a million values.",
			body: onlineBody{Features: []string{"user:views_7d"}, Entities: map[string][]any{"user_id": {"u42"}}},
			answers: []answer{{http.StatusOK, onlineAnswer{onlineNames{[]string{"user_id", "views_7d"}}, []onlineResult{
				{[]any{"u42"}, []string{"PRESENT"}, []string{"1970-01-01T00:00:00Z"}},
				{[]any{12}, []string{"PRESENT"}, []string{"2026-01-02T15:04:05Z"}},
			}}}},
		},
		{
			method: http.MethodPost, path: "/push", scope: ScopeWrite, handle: s.pushFeatures, tag: tagFeatures,
			summary: "Give values to features", detail: push,
			body:    pushBody{Source: "item", Data: map[string]any{"item_id": []any{"mug-red"}, "price": []any{12.5}, "event_timestamp": []any{"2026-01-02T15:04:05Z"}}},
			answers: []answer{{http.StatusOK, pushAnswer{1}}},
		},
		{
			method: http.MethodPost, path: "/write-to-online-store", scope: ScopeWrite, handle: s.writeFeatures, tag: tagFeatures,
			summary: "Give values to features, as Feast's remote online store does", detail: push,
			body:    writeBody{View: "item", Data: map[string]any{"item_id": []any{"mug-red"}, "price": []any{12.5}, "event_timestamp": []any{"2026-01-02T15:04:05"}}},
			answers: []answer{{http.StatusOK, pushAnswer{1}}},
		},
		{
			method: http.MethodPost, path: "/materialize", scope: ScopeWrite, handle: s.materialize(s.deps.Features.Materialize), tag: tagFeatures,
			summary: "Compute the features anew from the log", detail: materialize + "This builds another from the whole log and puts it in the place of the former one, which answers until then.",
			body: span, answers: []answer{{http.StatusOK, state}},
		},
		{
			method: http.MethodPost, path: "/materialize-incremental", scope: ScopeWrite, handle: s.materialize(s.deps.Features.Follow), tag: tagFeatures,
			summary: "Bring the features up to the log's end", detail: materialize + "This answers when it has reached what is stored now.",
			body: materializeBody{End: span.End}, answers: []answer{{http.StatusOK, state}},
		},
		{
			method: http.MethodGet, path: "/v1/features/statistics", scope: ScopeAdmin, handle: s.describeFeatures, tag: tagFeatures,
			summary: "What the features of a set were in the lists shown last",
			detail:  "Of sets in features.log: counts, means, quantiles, most frequent values, how far they are from the latest training set (PSI), and whether computing them again gave the same.",
			query: []param{
				{name: "set", kind: "string", detail: "The set.", example: "basic"},
				{name: "lists", kind: "integer", detail: "Of how many lists, the last ones (default 1000, at most 10,000).", example: 1000},
			},
			answers: []answer{{http.StatusOK, described}},
		},
		{
			method: http.MethodGet, path: "/v1/features", scope: ScopeRead, handle: s.listFeatures, tag: tagFeatures,
			summary: "All features and sets", answers: []answer{{http.StatusOK, featuresBody{
				Features: []featureBody{{
					feature.Definition{Name: "views_7d", Entity: feature.User, Kind: feature.Count, Window: feature.Span(7 * 24 * time.Hour)},
					"user:views_7d", feature.Number,
				}},
				Sets: []featureSetBody{{feature.Set{Name: "basic", Features: []feature.Ref{"user:views_7d"}}, "0f8e1c5a9b3d"}}, State: &state,
			}}},
		},
	}
}

func (s *Server) listFeatures(w *recorder, _ *http.Request) error {
	plan := s.deps.Features.Plan()
	body := featuresBody{Features: []featureBody{}, Sets: []featureSetBody{}, State: s.featureState()}
	for _, d := range plan.Definitions() {
		kind, _ := plan.TypeOf(d.Ref())
		body.Features = append(body.Features, featureBody{d, d.Ref(), kind})
	}
	for _, set := range plan.Sets() {
		body.Sets = append(body.Sets, featureSetBody{set, plan.Version(set.Features)})
	}
	slices.SortFunc(body.Features, func(a, b featureBody) int { return strings.Compare(string(a.Ref), string(b.Ref)) })
	slices.SortFunc(body.Sets, func(a, b featureSetBody) int { return strings.Compare(a.Name, b.Name) })
	return answerJSON(w, http.StatusOK, body)
}

func (s *Server) describeFeatures(w *recorder, r *http.Request) error {
	q, err := readQuery(r, "set", "lists")
	if err != nil {
		return err
	}
	if q["set"] == "" {
		return invalid("the query is not valid", fault{"query.set", "must name a set of features"})
	}
	lists, err := q.integer("lists", 1000, 1, maxDescribed)
	if err != nil {
		return err
	}
	description, err := s.deps.FeatureReports.Describe(r.Context(), q["set"], lists)
	if err != nil {
		return err
	}
	return answerJSON(w, http.StatusOK, description)
}

// featureState says how far the features have come; nil until they have been
// computed.
func (s *Server) featureState() *materializeAnswer {
	state, isReady := s.deps.Features.State()
	if !isReady {
		return nil
	}
	return &materializeAnswer{state.Users, state.Items, state.Sessions, state.Position, s.deps.FeatureReports.Followed()}
}
