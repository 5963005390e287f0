-- Rejected rows that were read as events, as JSON, can be stored later; their
-- room is counted as they come and go.
ALTER TABLE rejected ADD COLUMN event TEXT;
ALTER TABLE rejected ADD COLUMN cut INTEGER NOT NULL DEFAULT 0;
CREATE INDEX rejected_by_source ON rejected (source) WHERE source <> 'api';

CREATE TABLE rejected_room (rows INTEGER NOT NULL, bytes INTEGER NOT NULL, dropped INTEGER NOT NULL);
INSERT INTO rejected_room SELECT COUNT(*), IFNULL(SUM(LENGTH(CAST(raw AS BLOB))), 0), 0 FROM rejected;

CREATE TRIGGER rejected_comes AFTER INSERT ON rejected BEGIN
    UPDATE rejected_room SET rows = rows + 1,
        bytes = bytes + LENGTH(CAST(new.raw AS BLOB)) + IFNULL(LENGTH(CAST(new.event AS BLOB)), 0);
END;

CREATE TRIGGER rejected_goes AFTER DELETE ON rejected BEGIN
    UPDATE rejected_room SET rows = rows - 1,
        bytes = bytes - LENGTH(CAST(old.raw AS BLOB)) - IFNULL(LENGTH(CAST(old.event AS BLOB)), 0);
END;
