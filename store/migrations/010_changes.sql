-- What became known of events after they were stored: their verdicts, and
-- whose their users are. A row says what stood there before, so that whoever
-- follows the log knows from a place on which events to look at again, and so
-- that what was known at a place can be told.
CREATE TABLE changes (
    seq  INTEGER PRIMARY KEY, -- order of arrival
    time INTEGER NOT NULL,
    what INTEGER NOT NULL, -- see changes.go
    key  INTEGER NOT NULL, -- events.seq or users.id
    was  INTEGER NOT NULL  -- reasons, or the user of an alias; 0: none
);

CREATE INDEX changes_of_all ON changes (seq) WHERE what = 0;

INSERT INTO changes VALUES (1, 0, 0, 0, 0);

CREATE TRIGGER marks_come AFTER INSERT ON marks
WHEN new.generation = (SELECT id FROM generations WHERE stage = 1) BEGIN
    INSERT INTO changes (time, what, key, was) VALUES (CAST(unixepoch('subsec') * 1000 AS INTEGER), 1, new.seq, 0);
END;

CREATE TRIGGER marks_grow AFTER UPDATE OF reasons ON marks
WHEN new.reasons <> old.reasons AND new.generation = (SELECT id FROM generations WHERE stage = 1) BEGIN
    INSERT INTO changes (time, what, key, was) VALUES (CAST(unixepoch('subsec') * 1000 AS INTEGER), 1, new.seq, old.reasons);
END;

CREATE TRIGGER released_events_come AFTER INSERT ON released_events BEGIN
    INSERT INTO changes (time, what, key, was) VALUES (CAST(unixepoch('subsec') * 1000 AS INTEGER), 2, new.seq, 0);
END;

CREATE TRIGGER released_events_grow AFTER UPDATE OF reasons ON released_events WHEN new.reasons <> old.reasons BEGIN
    INSERT INTO changes (time, what, key, was) VALUES (CAST(unixepoch('subsec') * 1000 AS INTEGER), 2, new.seq, old.reasons);
END;

CREATE TRIGGER withdrawn_come AFTER INSERT ON withdrawn BEGIN
    INSERT INTO changes (time, what, key, was) VALUES (CAST(unixepoch('subsec') * 1000 AS INTEGER), 3, new.seq, 0);
END;

CREATE TRIGGER flags_come AFTER INSERT ON flags
WHEN new.generation = (SELECT id FROM generations WHERE stage = 1) BEGIN
    INSERT INTO changes (time, what, key, was) VALUES (CAST(unixepoch('subsec') * 1000 AS INTEGER), 4, new.user, 0);
END;

CREATE TRIGGER flags_grow AFTER UPDATE OF reasons ON flags
WHEN new.reasons <> old.reasons AND new.generation = (SELECT id FROM generations WHERE stage = 1) BEGIN
    INSERT INTO changes (time, what, key, was) VALUES (CAST(unixepoch('subsec') * 1000 AS INTEGER), 4, new.user, old.reasons);
END;

CREATE TRIGGER released_users_come AFTER INSERT ON released_users BEGIN
    INSERT INTO changes (time, what, key, was) VALUES (CAST(unixepoch('subsec') * 1000 AS INTEGER), 5, new.user, 0);
END;

CREATE TRIGGER released_users_grow AFTER UPDATE OF reasons ON released_users WHEN new.reasons <> old.reasons BEGIN
    INSERT INTO changes (time, what, key, was) VALUES (CAST(unixepoch('subsec') * 1000 AS INTEGER), 5, new.user, old.reasons);
END;

CREATE TRIGGER aliases_come AFTER INSERT ON aliases BEGIN
    INSERT INTO changes (time, what, key, was) VALUES (CAST(unixepoch('subsec') * 1000 AS INTEGER), 6, new.alias, 0);
END;

CREATE TRIGGER aliases_move AFTER UPDATE OF user ON aliases WHEN new.user <> old.user BEGIN
    INSERT INTO changes (time, what, key, was) VALUES (CAST(unixepoch('subsec') * 1000 AS INTEGER), 6, new.alias, old.user);
END;

CREATE TRIGGER aliases_go AFTER DELETE ON aliases BEGIN
    INSERT INTO changes (time, what, key, was) VALUES (CAST(unixepoch('subsec') * 1000 AS INTEGER), 6, old.alias, old.user);
END;

-- New verdicts have taken the place of all.
CREATE TRIGGER generations_turn AFTER UPDATE OF stage ON generations WHEN new.stage = 1 AND old.stage <> 1 BEGIN
    INSERT INTO changes (time, what, key, was) VALUES (CAST(unixepoch('subsec') * 1000 AS INTEGER), 0, 0, 0);
END;

-- Of the features of a shown list: the changes up to here were known.
ALTER TABLE feature_logs ADD COLUMN changes INTEGER NOT NULL DEFAULT 0;
DROP TABLE feature_state;
