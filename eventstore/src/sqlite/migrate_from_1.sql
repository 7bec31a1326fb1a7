-- Makes layout 2 of layout 1, whose index held the tags of every entry.
ALTER TABLE log_head ADD COLUMN indexed INTEGER NOT NULL DEFAULT 0;
UPDATE log_head SET indexed = position;
