package engine

import (
	"kindred/api"
	"kindred/check"
	"kindred/export"
	"kindred/featurestore"
	"kindred/ingest"
	"kindred/recommend"
	"kindred/registry"
	"kindred/store"
	"kindred/train"
)

// Every seam between packages: the interface that a package declares for what
// it needs, and the part that fills it.
var (
	_ ingest.Log       = (*store.DB)(nil)
	_ ingest.Catalogue = (*store.DB)(nil)
	_ ingest.Target    = (*store.DB)(nil)
	_ ingest.Observer  = (*recommend.Service)(nil)
	_ ingest.Observer  = (*api.Activity)(nil)
	_ export.Store     = (*store.DB)(nil)
	_ export.Features  = (*featurestore.Service)(nil)
	_ recommend.Store  = (*store.DB)(nil)
	_ recommend.Shown  = (*featurestore.Service)(nil)
	_ recommend.Models = (*registry.Registry)(nil)
	_ ingest.Target    = describedTarget{}
	_ ingest.Target    = eventTarget{}
	_ check.Source     = source{}
	_ train.Source     = source{}
	_ train.Exposures  = source{}
	_ train.Prices     = (*store.DB)(nil)
	_ api.Events       = (*ingest.Service)(nil)
	_ api.Recommender  = (*recommend.Service)(nil)
	_ api.Live         = live{}
	_ api.Checks       = (*checker)(nil)
	_ api.Items        = (*store.DB)(nil)
	_ api.Users        = (*store.DB)(nil)
	_ api.Withdrawals  = (*store.DB)(nil)
	_ api.Aliases      = (*store.DB)(nil)
	_ api.Counts       = (*store.DB)(nil)
	_ api.Models       = (*registry.Registry)(nil)
	_ api.Features     = (*featurestore.Service)(nil)

	_ api.FeatureReports = (*featurestore.Service)(nil)

	_ api.Cleaning     = (*ingest.Verdicts)(nil)
	_ api.Quarantine   = (*store.DB)(nil)
	_ api.RejectedRows = (*store.DB)(nil)
	_ api.Rejections   = (*ingest.Rejections)(nil)
	_ api.Replayer     = (*ingest.Service)(nil)
	_ api.Histories    = live{}

	_ ingest.Observer      = (*featurestore.Service)(nil)
	_ ingest.Observer      = (*ingest.Verdicts)(nil)
	_ ingest.VerdictStore  = (*store.DB)(nil)
	_ ingest.Keeper        = (*store.DB)(nil)
	_ ingest.RejectedStore = (*store.DB)(nil)
	_ ingest.ReplayStore   = (*store.DB)(nil)
	_ featurestore.Store   = (*store.DB)(nil)
	_ featurestore.Logs    = (*store.DB)(nil)
	_ featurestore.Past    = (*store.DB)(nil)
)
