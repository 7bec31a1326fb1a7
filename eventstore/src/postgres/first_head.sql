-- The head of an empty log, for the first append to lock. Binds: the tenant, the frontier and the root of no entries.
INSERT INTO log_head (tenant_id, position, recorded_at, frontier, root, erasures)
VALUES ($1, 0, NULL, $2, $3, 0)
ON CONFLICT (tenant_id) DO NOTHING
