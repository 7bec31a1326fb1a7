-- The moves of every journey as they were known: a row is a move (registration, move, insertion, reactivation)
-- with the instant and stage that hold for it from one position of the log to another. A correction closes the
-- rows it changes (known_until) and adds the new ones; nothing else ever changes a row. For a known position p
-- the rows with known_from <= p and (known_until is null or known_until > p), in the order of (effective_at,
-- position), are the journey; a stay ends where the next move that is not a repeat begins.
CREATE TABLE IF NOT EXISTS dwell_move (
    tenant_id    BLOB    NOT NULL,
    generation   INTEGER NOT NULL,
    journey      TEXT    NOT NULL,
    customer     BLOB    NOT NULL,
    effective_at INTEGER NOT NULL,
    position     INTEGER NOT NULL,
    known_from   INTEGER NOT NULL,
    known_until  INTEGER,
    event        BLOB    NOT NULL,
    stage        TEXT    NOT NULL,
    sub_status   TEXT,
    cycle        INTEGER NOT NULL,
    repeats      INTEGER NOT NULL,
    actor        TEXT    NOT NULL,
    -- The pipeline version that the stage is of.
    version      INTEGER NOT NULL,
    -- When the log took it, whatever corrected it since.
    recorded_at  INTEGER NOT NULL,
    -- person, rule or import.
    made_by      TEXT    NOT NULL,
    -- registered, moved, inserted or reactivated.
    kind         TEXT    NOT NULL,
    -- Whether anything was written down with it.
    noted        INTEGER NOT NULL,
    -- The reason code that it was made with.
    reason       TEXT,
    PRIMARY KEY (tenant_id, generation, journey, customer, effective_at, position, known_from)
) WITHOUT ROWID;

-- Where the observation of a customer ended (merged, erased) or went on (unmerged): a stay that was open then is
-- cut off at that instant.
CREATE TABLE IF NOT EXISTS dwell_end (
    tenant_id    BLOB    NOT NULL,
    generation   INTEGER NOT NULL,
    customer     BLOB    NOT NULL,
    position     INTEGER NOT NULL,
    effective_at INTEGER NOT NULL,
    reason       TEXT    NOT NULL,
    PRIMARY KEY (tenant_id, generation, customer, position)
) WITHOUT ROWID;
