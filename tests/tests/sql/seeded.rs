//! Statements that break one rule each, with what must be said of them, and some that break none.

pub(crate) const STATEMENTS: [(&str, &str); 25] = [
    ("SELECT position FROM event WHERE position > $1", "event without tenant_id = $1"),
    ("SELECT position FROM event WHERE tenant_id = $2", "event without tenant_id = $1"),
    ("SELECT position FROM event WHERE tenant_id = $1::uuid", "event without tenant_id = $1"),
    ("SELECT position FROM event WHERE tenant_id = $1 OR position = 1", "event without tenant_id = $1"),
    ("SELECT position FROM event WHERE tenant_id IN ($1)", "event without tenant_id = $1"),
    (
        "SELECT e.position FROM event AS e JOIN event_tag AS t ON t.position = e.position WHERE e.tenant_id = $1",
        "t without tenant_id = $1",
    ),
    (
        "SELECT e.position FROM event AS e WHERE e.tenant_id = $1
            AND EXISTS (SELECT 1 FROM event_tag AS t WHERE t.position = e.position)",
        "t without tenant_id = $1",
    ),
    ("WITH a AS (SELECT position FROM event) SELECT position FROM a", "event without tenant_id = $1"),
    ("UPDATE log_head SET position = $2", "log_head without tenant_id = $1"),
    ("DELETE FROM event_tag WHERE blind_subject = $1", "event_tag without tenant_id = $1"),
    ("INSERT INTO event (position, tenant_id) VALUES ($2, $1)", "tenant_id is not the first column"),
    ("INSERT INTO event (tenant_id, position) VALUES ($2, $1)", "the first value is not $1"),
    (
        "INSERT INTO event (tenant_id, position) VALUES ($1, (SELECT max(position) FROM event WHERE tenant_id = $1))",
        "a query among the values",
    ),
    (
        "INSERT INTO event (tenant_id, position) SELECT $1, e.position FROM unnest($2::bigint[]) AS e (position)",
        "no table of the tenant to hold on to",
    ),
    (
        "INSERT INTO event (tenant_id, position)
            SELECT e.tenant_id, e.position FROM log_head AS h CROSS JOIN unnest($2::uuid[], $3::bigint[])
            AS e (tenant_id, position) WHERE h.tenant_id = $1",
        "the tenant comes from elsewhere",
    ),
    (
        "WITH moved AS (UPDATE log_head SET position = 1 WHERE tenant_id = $1 RETURNING position)
            SELECT position FROM moved",
        "writes inside a WITH",
    ),
    ("SELECT * FROM event WHERE tenant_id = $1", "SELECT *"),
    ("SELECT e.* FROM event AS e WHERE e.tenant_id = $1", "SELECT *"),
    ("INSERT INTO event (tenant_id, position) VALUES ($1, nextval('positions'))", "nextval"),
    ("INSERT INTO event (tenant_id, recorded_at) VALUES ($1, now())", "now"),
    ("UPDATE log_head SET recorded_at = CURRENT_TIMESTAMP WHERE tenant_id = $1", "current_timestamp"),
    ("SELECT pg_advisory_lock(1)", "pg_advisory_lock"),
    ("SELECT set_config('app.tenant', $1, true)", "set_config"),
    ("NOTIFY waymark_log", "not a statement of the service"),
    ("LOCK TABLE log_head", "not a statement of the service"),
];

pub(crate) const MIGRATIONS: [(&str, &str); 13] = [
    (
        "CREATE TABLE t (position bigint NOT NULL, PRIMARY KEY (position))",
        "t does not begin with tenant_id uuid",
    ),
    ("CREATE TABLE t (tenant_id text, PRIMARY KEY (tenant_id))", "t does not begin with tenant_id uuid"),
    (
        "CREATE TABLE t (tenant_id uuid, a bigint, PRIMARY KEY (a, tenant_id))",
        "a key without the tenant first",
    ),
    (
        "CREATE TABLE t (tenant_id uuid, a bigint, PRIMARY KEY (tenant_id), UNIQUE (a))",
        "a key without the tenant first",
    ),
    (
        "CREATE TABLE t (tenant_id uuid, a bigint UNIQUE, PRIMARY KEY (tenant_id))",
        "a key without the tenant first",
    ),
    ("CREATE TABLE t (tenant_id uuid, a bigint)", "t has no primary key"),
    ("CREATE TABLE t (tenant_id uuid, a bigserial, PRIMARY KEY (tenant_id, a))", "bigserial"),
    (
        "CREATE TABLE t (tenant_id uuid, a bigint GENERATED ALWAYS AS IDENTITY, PRIMARY KEY (tenant_id, a))",
        "a generated column",
    ),
    (
        "CREATE TABLE t (tenant_id uuid, a uuid, PRIMARY KEY (tenant_id),
            FOREIGN KEY (tenant_id) REFERENCES log_head (tenant_id))",
        "a foreign key",
    ),
    ("CREATE INDEX i ON t (a)", "an index without the tenant first"),
    ("CREATE INDEX i ON t (tenant_id, a); CREATE INDEX j ON t (tenant_id, b)", "an index is not alone"),
    (
        "CREATE TABLE t (tenant_id uuid, PRIMARY KEY (tenant_id)); INSERT INTO t (tenant_id) VALUES ('a')",
        "data together with tables",
    ),
    ("CREATE SEQUENCE s", "makes neither a table, an index nor a view"),
];

pub(crate) const GOOD: [&str; 4] = [
    "SELECT e.position FROM event AS e JOIN event_tag AS t ON t.tenant_id = $1 AND t.position = e.position
        WHERE e.tenant_id = $1 AND (t.tag = $2 OR t.tag = $3)",
    "INSERT INTO event (tenant_id, position) SELECT h.tenant_id, e.position
        FROM log_head AS h CROSS JOIN unnest($2::bigint[]) AS e (position) WHERE h.tenant_id = $1",
    "WITH a AS (SELECT position FROM event WHERE tenant_id = $1) SELECT count(*) FROM a",
    "-- Administration: every tenant.\nSELECT tenant_id, position FROM log_head",
];
