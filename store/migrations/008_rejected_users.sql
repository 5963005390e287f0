-- Whose rows are erased is looked for in all of them; in an index names would
-- outlive their rows.
DROP INDEX rejected_by_user;
