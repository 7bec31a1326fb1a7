-- Every event of every customer as it was known: a correction closes the rows whose meaning it changes
-- (known_until) and adds them again. No personal text stands here; it stays sealed in the log.
CREATE TABLE IF NOT EXISTS timeline_row (
    tenant_id     BLOB    NOT NULL,
    generation    INTEGER NOT NULL,
    customer      BLOB    NOT NULL,
    position      INTEGER NOT NULL,
    known_from    INTEGER NOT NULL,
    known_until   INTEGER,
    event         BLOB    NOT NULL,
    event_type    TEXT    NOT NULL,
    effective_at  INTEGER NOT NULL,
    recorded_at   INTEGER NOT NULL,
    actor         TEXT    NOT NULL,
    journey       TEXT,
    stage_from    TEXT,
    stage_to      TEXT,
    corrects      BLOB,
    -- What holds of a move after its corrections; null where nothing corrected it.
    now_at        INTEGER,
    now_stage     TEXT,
    superseded_by BLOB,
    voided        INTEGER NOT NULL,
    -- The other customer of a merge, or of its undoing.
    other         BLOB,
    -- person, rule or import.
    made_by       TEXT    NOT NULL,
    -- What reports count it as (deed.rs names them all); null where they look elsewhere or nowhere.
    deed          TEXT,
    -- The rep whom a deed concerns, where that is not who did it; of a correction, who recorded what was wrong.
    whom          TEXT,
    -- Of a correction: the stage as it was wrongly recorded, and when that happened as far as is known since.
    about_stage   TEXT,
    about_at      INTEGER,
    -- When somebody must be contacted next.
    next_at       INTEGER,
    -- How long the record of a conversation is, in characters. An erasure takes it away with the text.
    chars         INTEGER,
    -- What an override passed over: codes, separated by spaces.
    overrides     TEXT,
    PRIMARY KEY (tenant_id, generation, customer, position, known_from)
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS timeline_row_deed ON timeline_row (tenant_id, generation, deed, effective_at)
WHERE deed IS NOT NULL;
