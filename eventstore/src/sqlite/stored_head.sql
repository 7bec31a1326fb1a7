-- The head as it is stored, its root included. Bind: the tenant.
SELECT position, recorded_at, frontier, root, erasures, indexed
FROM log_head
WHERE tenant_id = ?1;
