-- Where messages go, and the state of each. Instants are microseconds since 1970-01-01T00:00:00Z.

CREATE TABLE IF NOT EXISTS endpoint (
    tenant_id        BLOB    NOT NULL,
    endpoint_id      BLOB    NOT NULL,
    kind             TEXT    NOT NULL,
    description      TEXT,
    include_personal INTEGER NOT NULL,
    url              TEXT,
    -- Words with a space between them; none for all.
    types            TEXT    NOT NULL,
    member           TEXT,
    team             TEXT,
    language         TEXT    NOT NULL,
    -- Sealed under the tenant's key.
    secret           BYTEA   NOT NULL,
    former_secret    BYTEA,
    former_until     INTEGER,
    created_at       INTEGER NOT NULL,
    created_by       TEXT    NOT NULL,
    disabled_at      INTEGER,
    disabled_because TEXT,
    -- Up to where the log was looked through.
    cursor_at        INTEGER NOT NULL,
    -- The process that has its lease, and until when unless it is renewed.
    holder           BLOB,
    held_until       INTEGER,
    PRIMARY KEY (tenant_id, endpoint_id)
);

-- No text of a message stands here: it is made when it is sent, so that an erasure has nothing to find.
CREATE TABLE IF NOT EXISTS delivery (
    tenant_id   BLOB    NOT NULL,
    endpoint_id BLOB    NOT NULL,
    position    INTEGER NOT NULL,
    event_id    BLOB    NOT NULL,
    event_type  TEXT    NOT NULL,
    -- Which reminders of the event a robot carries: numbers with a space between them.
    parts       TEXT    NOT NULL,
    state       TEXT    NOT NULL,
    attempts    INTEGER NOT NULL,
    -- Null when there will be no further attempt.
    next_at     INTEGER,
    last_status INTEGER,
    last_error  TEXT,
    queued_at   INTEGER NOT NULL,
    changed_at  INTEGER NOT NULL,
    -- Counts claims.
    epoch       INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, endpoint_id, position)
);

CREATE INDEX IF NOT EXISTS delivery_next ON delivery (tenant_id, next_at);
CREATE INDEX IF NOT EXISTS delivery_state ON delivery (tenant_id, endpoint_id, state, position);
CREATE INDEX IF NOT EXISTS delivery_event ON delivery (tenant_id, endpoint_id, event_id);

-- Up to where consumers of the log have acknowledged it. One without a row has acknowledged nothing since it began.
CREATE TABLE IF NOT EXISTS consumer (
    tenant_id       BLOB    NOT NULL,
    consumer_id     BLOB    NOT NULL,
    -- How often it had begun when it did: a row of an earlier beginning says nothing.
    starts          INTEGER NOT NULL,
    position        INTEGER NOT NULL,
    acknowledged_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, consumer_id)
);
