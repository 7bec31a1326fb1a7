-- Where the log ends after a batch. Binds: a value for each column, in their order.
INSERT INTO log_head (tenant_id, position, recorded_at, frontier, root, erasures, indexed)
VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (tenant_id) DO UPDATE SET
    position = excluded.position,
    recorded_at = excluded.recorded_at,
    frontier = excluded.frontier,
    root = excluded.root,
    erasures = excluded.erasures,
    indexed = excluded.indexed;
