-- Values given to properties, for features: a log, so that what held at a past
-- moment is known.
CREATE TABLE feature_values (
    seq    INTEGER PRIMARY KEY AUTOINCREMENT, -- order of arrival
    entity TEXT NOT NULL, -- user or item
    id     TEXT NOT NULL,
    name   TEXT NOT NULL, -- of the property
    time   INTEGER NOT NULL, -- it holds from then on
    value  TEXT -- JSON; NULL: none any more
);

CREATE INDEX feature_values_by_id ON feature_values (entity, id);

-- The features' values at serving: of a user and the items of a list, by set.
CREATE TABLE feature_logs (
    seq           INTEGER PRIMARY KEY AUTOINCREMENT,
    request       TEXT NOT NULL,
    feature_set   TEXT NOT NULL,
    version       TEXT NOT NULL,
    user          TEXT, -- NULL: anonymous
    time          INTEGER NOT NULL, -- the moment the values are of
    events        INTEGER NOT NULL, -- the events up to here were known
    written       INTEGER NOT NULL, -- of feature_values, those up to here
    data          BLOB NOT NULL,
    UNIQUE (request, feature_set)
);

CREATE INDEX feature_logs_by_time ON feature_logs (time);
CREATE INDEX feature_logs_by_user ON feature_logs (user) WHERE user IS NOT NULL;

-- One row: logs up to here cannot be computed again, since events they knew
-- of have been erased.
CREATE TABLE feature_state (
    erased_upto INTEGER NOT NULL
);

INSERT INTO feature_state VALUES (0);
