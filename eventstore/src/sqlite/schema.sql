-- The log. Every key begins with the tenant; instants are microseconds since 1970-01-01T00:00:00Z.

-- Where each tenant's log ends. Writing this row is what orders the appends.
CREATE TABLE IF NOT EXISTS log_head (
    tenant_id   BLOB    NOT NULL,
    position    INTEGER NOT NULL,
    recorded_at INTEGER,
    frontier    BLOB    NOT NULL,
    root        BLOB    NOT NULL,
    erasures    INTEGER NOT NULL,
    indexed     INTEGER NOT NULL,
    PRIMARY KEY (tenant_id)
) WITHOUT ROWID;

-- The entries, byte for byte as they were hashed.
CREATE TABLE IF NOT EXISTS event (
    tenant_id   BLOB    NOT NULL,
    position    INTEGER NOT NULL,
    id          BLOB    NOT NULL,
    type        TEXT    NOT NULL,
    recorded_at INTEGER NOT NULL,
    leaf_hash   BLOB    NOT NULL,
    entry       BLOB    NOT NULL,
    PRIMARY KEY (tenant_id, position),
    UNIQUE (tenant_id, id)
);
CREATE INDEX IF NOT EXISTS event_by_type ON event (tenant_id, type, position);

-- What events are found by: blind tags of all of them, other tags of those up to log_head.indexed, beyond which the
-- entries themselves tell. A blind tag names the subject whose erasure deletes it.
CREATE TABLE IF NOT EXISTS event_tag (
    tenant_id     BLOB    NOT NULL,
    tag           TEXT    NOT NULL,
    position      INTEGER NOT NULL,
    type          TEXT    NOT NULL,
    blind_subject BLOB,
    PRIMARY KEY (tenant_id, tag, position)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS event_tag_by_blind_subject ON event_tag (tenant_id, blind_subject)
    WHERE blind_subject IS NOT NULL;

-- The outcome of each command that asked to be remembered.
CREATE TABLE IF NOT EXISTS receipt (
    tenant_id      BLOB    NOT NULL,
    command_id     TEXT    NOT NULL,
    digest         BLOB    NOT NULL,
    outcome        BLOB    NOT NULL,
    first_position INTEGER NOT NULL,
    count          INTEGER NOT NULL,
    recorded_at    INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, command_id)
) WITHOUT ROWID;

-- The wrapped key of each subject's personal fields; empty once destroyed.
CREATE TABLE IF NOT EXISTS data_key (
    tenant_id BLOB    NOT NULL,
    subject   BLOB    NOT NULL,
    key_id    BLOB    NOT NULL,
    wrapped   BLOB    NOT NULL,
    destroyed INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, subject)
) WITHOUT ROWID;

-- The wrapped key of each tenant.
CREATE TABLE IF NOT EXISTS tenant_key (
    tenant_id BLOB NOT NULL,
    wrapped   BLOB NOT NULL,
    PRIMARY KEY (tenant_id)
) WITHOUT ROWID;

-- Full tiles of the Merkle tree.
CREATE TABLE IF NOT EXISTS tile (
    tenant_id  BLOB    NOT NULL,
    level      INTEGER NOT NULL,
    tile_index INTEGER NOT NULL,
    hashes     BLOB    NOT NULL,
    PRIMARY KEY (tenant_id, level, tile_index)
);

-- Signed notes over the tree, the latest by size.
CREATE TABLE IF NOT EXISTS checkpoint (
    tenant_id BLOB    NOT NULL,
    size      INTEGER NOT NULL,
    note      TEXT    NOT NULL,
    PRIMARY KEY (tenant_id, size)
) WITHOUT ROWID;

-- For people who write SQL: ids as text, instants as timestamps, the entry as JSON.
CREATE VIEW IF NOT EXISTS event_readable AS
SELECT
    lower(hex(tenant_id)) AS tenant,
    position,
    lower(hex(id)) AS id,
    type,
    strftime('%Y-%m-%dT%H:%M:%S', recorded_at / 1000000, 'unixepoch')
        || printf('.%06dZ', recorded_at % 1000000) AS recorded_at,
    CAST(entry AS TEXT) ->> '$.time' AS effective_at,
    CAST(entry AS TEXT) ->> '$.subject' AS subject,
    CAST(entry AS TEXT) ->> '$.actor' AS actor,
    CAST(entry AS TEXT) -> '$.data' AS data
FROM event;
