-- What is written often is written in order: events is a log, by arrival.
-- by_user and seen are indexes into it, filled many events at a time (see
-- fold.go); events after state.folded are not in them yet.

CREATE TABLE users (
    id         INTEGER PRIMARY KEY AUTOINCREMENT, -- never given out twice
    name       TEXT NOT NULL UNIQUE,
    attributes TEXT,    -- JSON; NULL: known from events only
    updated    INTEGER  -- unix milliseconds, as all times here
);

CREATE TABLE items (
    id              INTEGER PRIMARY KEY,
    name            TEXT NOT NULL UNIQUE,
    stage           INTEGER NOT NULL DEFAULT 0, -- 0 known from events only, 1 in the catalogue, 2 deleted from it
    title           TEXT,
    categories      TEXT, -- JSON array
    price           REAL,
    available_from  INTEGER,
    available_until INTEGER,
    attributes      TEXT, -- JSON
    updated         INTEGER
);

CREATE TABLE kinds (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);

CREATE TABLE events (
    seq   INTEGER PRIMARY KEY, -- order of arrival
    user  INTEGER NOT NULL,
    item  INTEGER, -- NULL for a search
    kind  INTEGER NOT NULL,
    time  INTEGER NOT NULL,
    value REAL NOT NULL,
    id    TEXT NOT NULL, -- the client's
    extra TEXT -- JSON: session, request_id, position, context; NULL: none of them
);

CREATE TABLE by_user (
    user INTEGER,
    time INTEGER,
    seq  INTEGER,
    PRIMARY KEY (user, time, seq)
) WITHOUT ROWID;

CREATE TABLE seen (
    hash INTEGER, -- xxh3 of events.id
    seq  INTEGER,
    PRIMARY KEY (hash, seq)
) WITHOUT ROWID;

CREATE TABLE exposures (
    request TEXT PRIMARY KEY,
    user    TEXT, -- NULL: anonymous
    time    INTEGER NOT NULL,
    model   TEXT NOT NULL,
    items   TEXT NOT NULL, -- JSON array
    sources TEXT NOT NULL  -- JSON array
) WITHOUT ROWID;

CREATE INDEX exposures_by_time ON exposures (time);
CREATE INDEX exposures_by_user ON exposures (user) WHERE user IS NOT NULL;

CREATE TABLE keys (
    name    TEXT PRIMARY KEY,
    hash    BLOB NOT NULL UNIQUE,
    scopes  TEXT NOT NULL, -- JSON array
    created INTEGER NOT NULL,
    revoked INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

-- One row: what every transaction starts from, so that counting is reading.
CREATE TABLE state (
    last_seq   INTEGER NOT NULL, -- of the newest event ever
    folded     INTEGER NOT NULL, -- by_user and seen hold the events up to here
    erased     INTEGER NOT NULL, -- users erased so far
    events     INTEGER NOT NULL,
    users      INTEGER NOT NULL,
    items      INTEGER NOT NULL,
    first_time INTEGER NOT NULL, -- of the events there are
    last_time  INTEGER NOT NULL
);

INSERT INTO state VALUES (0, 0, 0, 0, 0, 0, 0, 0);
