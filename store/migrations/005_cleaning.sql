-- What cleaning found, apart from the events themselves: see cleaning.go.

-- When the events from seq on arrived, to a second.
CREATE TABLE arrivals (
    seq  INTEGER PRIMARY KEY,
    time INTEGER NOT NULL
);

-- One run of one set of rules over the whole log.
CREATE TABLE generations (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    stage       INTEGER NOT NULL, -- 0 in the making, 1 live, 2 to be removed
    rules       TEXT NOT NULL,
    judged      INTEGER NOT NULL, -- the events up to here
    created     INTEGER NOT NULL,
    snapshot_at INTEGER NOT NULL, -- the events that snapshot has seen
    snapshot    BLOB              -- of the judge
);

CREATE TABLE marks (
    generation INTEGER,
    seq        INTEGER,
    reasons    INTEGER NOT NULL, -- a kindred.Verdict
    PRIMARY KEY (generation, seq)
) WITHOUT ROWID;

CREATE TABLE flags (
    generation INTEGER,
    user       INTEGER,
    reasons    INTEGER NOT NULL, -- of all the user's events
    seq        INTEGER NOT NULL, -- the event that showed it
    why        TEXT NOT NULL,
    PRIMARY KEY (generation, user)
) WITHOUT ROWID;

-- What someone overruled, whatever the generation.
CREATE TABLE released_events (
    seq     INTEGER PRIMARY KEY,
    reasons INTEGER NOT NULL
);

CREATE TABLE released_users (
    user    INTEGER PRIMARY KEY,
    reasons INTEGER NOT NULL
);

-- Rows that were no events, items or users, as they came.
CREATE TABLE rejected (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    time   INTEGER NOT NULL,
    source TEXT NOT NULL,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    raw    TEXT NOT NULL,
    user   TEXT -- if the row named one
);

CREATE INDEX rejected_by_user ON rejected (user) WHERE user IS NOT NULL;
CREATE INDEX items_listed ON items (stage) WHERE stage = 1;
