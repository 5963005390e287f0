-- Events that were taken back. They stay in the log.
CREATE TABLE withdrawn (
    seq  INTEGER PRIMARY KEY,
    time INTEGER NOT NULL, -- when it was taken back
    who  TEXT NOT NULL,
    why  TEXT NOT NULL
);
