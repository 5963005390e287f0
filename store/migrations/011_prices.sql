-- What was asked for each item, from when on: recorded where it changes.
CREATE TABLE prices (
    item INTEGER NOT NULL, -- items.id
    time INTEGER NOT NULL,
    cost REAL NOT NULL,    -- 0: not known any more
    PRIMARY KEY (item, time)
) WITHOUT ROWID;

INSERT INTO prices
    SELECT id, updated, CASE WHEN sale_price > 0 THEN sale_price ELSE price END FROM items
    WHERE stage = 1 AND (sale_price > 0 OR price > 0);
