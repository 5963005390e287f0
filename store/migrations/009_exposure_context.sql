-- The session that a list was asked for in, and what the request said of
-- itself: typed attributes as JSON. NULL: none.
ALTER TABLE exposures ADD COLUMN session TEXT;
ALTER TABLE exposures ADD COLUMN context TEXT;
