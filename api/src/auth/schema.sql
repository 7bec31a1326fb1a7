-- Who may call. Instants are microseconds since 1970-01-01T00:00:00Z; roles and scopes are words with a space
-- between them.

CREATE TABLE IF NOT EXISTS tenant (
    tenant_id  BLOB   NOT NULL PRIMARY KEY,
    name       TEXT   NOT NULL UNIQUE,
    created_at BIGINT NOT NULL
);

CREATE TABLE IF NOT EXISTS api_key (
    tenant_id  BLOB   NOT NULL,
    key_id     BLOB   NOT NULL,
    hash       BLOB   NOT NULL,
    actor      TEXT   NOT NULL,
    roles      TEXT   NOT NULL,
    scopes     TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT,
    PRIMARY KEY (tenant_id, key_id)
);

CREATE TABLE IF NOT EXISTS member (
    tenant_id  BLOB   NOT NULL,
    actor      TEXT   NOT NULL,
    roles      TEXT   NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, actor)
);
