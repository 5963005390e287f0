-- Users merged into others. Nothing else changes when they are: events,
-- attributes and exposures stay under the ID they came with, and whoever reads
-- follows the alias. So unmerging restores what was.

CREATE TABLE aliases (
    alias  INTEGER PRIMARY KEY, -- users.id
    parent INTEGER NOT NULL,    -- users.id that it was merged into, maybe itself an alias
    user   INTEGER NOT NULL,    -- users.id at the end of the chain, no alias
    merge  INTEGER NOT NULL     -- merges.seq that made it one
);

CREATE INDEX aliases_by_user ON aliases (user);
CREATE INDEX aliases_by_parent ON aliases (parent);

-- The log of merges and of those undone.
CREATE TABLE merges (
    seq    INTEGER PRIMARY KEY AUTOINCREMENT,
    time   INTEGER NOT NULL,
    alias  INTEGER NOT NULL, -- users.id
    user   INTEGER NOT NULL, -- users.id it was merged into, or was taken from
    undone INTEGER NOT NULL, -- 0: merged, 1: unmerged
    who    TEXT NOT NULL,
    why    TEXT NOT NULL
);

CREATE INDEX merges_by_alias ON merges (alias);
CREATE INDEX merges_by_user ON merges (user);
