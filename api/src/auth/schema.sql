-- Who may call. Instants are microseconds since 1970-01-01T00:00:00Z; roles and scopes are words with a space
-- between them.

-- What tenants are called. A name is everybody's, so it stands under the system's tenant: there a key can hold that no
-- two tenants have the same one, wherever the tenants' own rows are kept.
CREATE TABLE IF NOT EXISTS tenant_name (
    tenant_id  BLOB    NOT NULL,
    name       TEXT    NOT NULL,
    tenant     BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, name)
);

-- Copies of what the log says of keys and members, as of the position in rights_reached. Nobody is let in by them.
CREATE TABLE IF NOT EXISTS api_key (
    tenant_id  BLOB    NOT NULL,
    key_id     BLOB    NOT NULL,
    -- The hash of the secret, as former programs wrote it, or the hash of that, as the event has it.
    hash       BYTEA   NOT NULL,
    actor      TEXT    NOT NULL,
    roles      TEXT    NOT NULL,
    scopes     TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER,
    PRIMARY KEY (tenant_id, key_id)
);

CREATE TABLE IF NOT EXISTS member (
    tenant_id  BLOB    NOT NULL,
    actor      TEXT    NOT NULL,
    roles      TEXT    NOT NULL,
    changed_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, actor)
);

CREATE TABLE IF NOT EXISTS rights_reached (
    tenant_id BLOB    NOT NULL,
    position  INTEGER NOT NULL,
    PRIMARY KEY (tenant_id)
);

-- By what the key file of this database is known, under the system's tenant. It tells nothing of the keys.
CREATE TABLE IF NOT EXISTS key_fingerprint (
    tenant_id   BLOB NOT NULL,
    fingerprint TEXT NOT NULL,
    PRIMARY KEY (tenant_id)
);

-- Instants that concern the whole service, under the system's tenant: when it was last `alive`, and which clock somebody
-- `agreed` to.
CREATE TABLE IF NOT EXISTS service_instant (
    tenant_id BLOB    NOT NULL,
    name      TEXT    NOT NULL,
    at        INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, name)
);

-- When each session was last used, to the minute: one that is idle for too long has ended. Nobody is let in by it.
CREATE TABLE IF NOT EXISTS session_use (
    tenant_id  BLOB    NOT NULL,
    session_id BLOB    NOT NULL,
    used_at    INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, session_id)
);
