-- The log. Every key begins with the tenant; instants are microseconds since 1970-01-01T00:00:00Z. Texts that are
-- compared are compared byte by byte. Nothing here may be what a distributed engine lacks: no sequence, trigger,
-- foreign key, or key without the tenant.

-- Where each tenant's log ends. Locking this row to the commit is what orders the appends. Half of each page stays
-- free, so that a new version of a row finds room beside the old one and no index has to follow.
CREATE TABLE IF NOT EXISTS log_head (
    tenant_id   uuid   NOT NULL,
    position    bigint NOT NULL,
    recorded_at bigint,
    frontier    bytea  NOT NULL,
    root        bytea  NOT NULL,
    erasures    bigint NOT NULL,
    PRIMARY KEY (tenant_id)
) WITH (fillfactor = 50);

-- The entries, byte for byte as they were hashed.
CREATE TABLE IF NOT EXISTS event (
    tenant_id   uuid             NOT NULL,
    position    bigint           NOT NULL,
    id          uuid             NOT NULL,
    type        text COLLATE "C" NOT NULL,
    recorded_at bigint           NOT NULL,
    leaf_hash   bytea            NOT NULL,
    entry       bytea            NOT NULL,
    PRIMARY KEY (tenant_id, position),
    UNIQUE (tenant_id, id)
);

-- What events are found by. A blind tag names the subject whose erasure deletes it.
CREATE TABLE IF NOT EXISTS event_tag (
    tenant_id     uuid             NOT NULL,
    tag           text COLLATE "C" NOT NULL,
    position      bigint           NOT NULL,
    type          text COLLATE "C" NOT NULL,
    blind_subject uuid,
    PRIMARY KEY (tenant_id, tag, position)
);

-- The outcome of each command that asked to be remembered. Its id is the caller's, and may hold what no text can.
CREATE TABLE IF NOT EXISTS receipt (
    tenant_id      uuid   NOT NULL,
    command_id     bytea  NOT NULL,
    digest         bytea  NOT NULL,
    outcome        bytea  NOT NULL,
    first_position bigint NOT NULL,
    count          bigint NOT NULL,
    recorded_at    bigint NOT NULL,
    PRIMARY KEY (tenant_id, command_id)
);

-- The wrapped key of each subject's personal fields; empty once destroyed.
CREATE TABLE IF NOT EXISTS data_key (
    tenant_id uuid    NOT NULL,
    subject   uuid    NOT NULL,
    key_id    uuid    NOT NULL,
    wrapped   bytea   NOT NULL,
    destroyed boolean NOT NULL,
    PRIMARY KEY (tenant_id, subject)
);

-- The wrapped key of each tenant.
CREATE TABLE IF NOT EXISTS tenant_key (
    tenant_id uuid  NOT NULL,
    wrapped   bytea NOT NULL,
    PRIMARY KEY (tenant_id)
);

-- Full tiles of the Merkle tree.
CREATE TABLE IF NOT EXISTS tile (
    tenant_id  uuid   NOT NULL,
    level      bigint NOT NULL,
    tile_index bigint NOT NULL,
    hashes     bytea  NOT NULL,
    PRIMARY KEY (tenant_id, level, tile_index)
);

-- Signed notes over the tree, the latest by size.
CREATE TABLE IF NOT EXISTS checkpoint (
    tenant_id uuid   NOT NULL,
    size      bigint NOT NULL,
    note      text   NOT NULL,
    PRIMARY KEY (tenant_id, size)
);

-- The layout of these tables, under the system's own tenant.
CREATE TABLE IF NOT EXISTS log_layout (
    tenant_id uuid   NOT NULL,
    version   bigint NOT NULL,
    PRIMARY KEY (tenant_id)
);
