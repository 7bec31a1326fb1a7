-- Which generation of its rows a read model answers from: switching this one row puts a rebuild into service.
CREATE TABLE IF NOT EXISTS projection_serving (
    tenant_id  BLOB    NOT NULL,
    projection TEXT    NOT NULL,
    generation INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, projection)
) WITHOUT ROWID;

-- How far each generation has come. A step moves the position only where epoch and position are what it knew. When
-- the entry at the position was recorded tells the log that was folded from any other one.
CREATE TABLE IF NOT EXISTS projection_checkpoint (
    tenant_id    BLOB    NOT NULL,
    projection   TEXT    NOT NULL,
    generation   INTEGER NOT NULL,
    fold_version INTEGER NOT NULL,
    position     INTEGER NOT NULL,
    recorded_at  INTEGER NOT NULL,
    epoch        INTEGER NOT NULL,
    -- The node that took the seat last; null where processes do not share the work.
    owner        BLOB,
    -- From this position on it answers queries: before it the rows tell less than what was in the log when it began.
    serves_from  INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, projection, generation)
) WITHOUT ROWID;

-- The highest generation there ever was, so that no number is given twice, and the one that is being built beside what
-- serves. Who builds it raises the beat as long as it lives.
CREATE TABLE IF NOT EXISTS projection_generation (
    tenant_id  BLOB    NOT NULL,
    projection TEXT    NOT NULL,
    last       INTEGER NOT NULL,
    building   INTEGER,
    beat       INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, projection)
) WITHOUT ROWID;

-- The processes that share the work, under the system's tenant. A node lives while its beat goes on.
CREATE TABLE IF NOT EXISTS projection_node (
    tenant_id BLOB    NOT NULL,
    node      BLOB    NOT NULL,
    beat      INTEGER NOT NULL,
    seen_at   INTEGER NOT NULL,
    -- Grows with the versions of the folds: those that know the newest do the work. The last two bits are its duties.
    skill     INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, node)
) WITHOUT ROWID;

-- What workers in the background found at their last look at each tenant, under the system's tenant: nothing to do, up to
-- which position and until when.
CREATE TABLE IF NOT EXISTS background_look (
    tenant_id BLOB    NOT NULL,
    worker    TEXT    NOT NULL,
    tenant    BLOB    NOT NULL,
    position  INTEGER NOT NULL,
    -- Null where only news is a reason to look again.
    until     INTEGER,
    -- What the worker went by: by other rules something else may be found.
    rules     TEXT    NOT NULL,
    PRIMARY KEY (tenant_id, worker, tenant)
) WITHOUT ROWID;

-- Events that could not be folded, and those of the same key that wait behind them.
CREATE TABLE IF NOT EXISTS projection_parked (
    tenant_id  BLOB    NOT NULL,
    projection TEXT    NOT NULL,
    position   INTEGER NOT NULL,
    subject    TEXT    NOT NULL,
    event_type TEXT    NOT NULL,
    cause      TEXT    NOT NULL,
    -- Why an operator let it be skipped; null while it is parked.
    skipped    TEXT,
    PRIMARY KEY (tenant_id, projection, position)
) WITHOUT ROWID;

-- What the last rebuild found when it compared the rows that served with those folded again, as JSON.
CREATE TABLE IF NOT EXISTS projection_comparison (
    tenant_id  BLOB NOT NULL,
    projection TEXT NOT NULL,
    found      TEXT NOT NULL,
    PRIMARY KEY (tenant_id, projection)
) WITHOUT ROWID;
