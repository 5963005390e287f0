ALTER TABLE items ADD COLUMN variant_of TEXT;      -- of no item, or of one that need not be known
ALTER TABLE items ADD COLUMN sale_price REAL;
ALTER TABLE items ADD COLUMN stock INTEGER;        -- NULL: not counted
ALTER TABLE items ADD COLUMN backorder INTEGER NOT NULL DEFAULT 0;
