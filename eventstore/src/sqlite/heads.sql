-- The tenants that have a log, and where each ends. No binds.
SELECT tenant_id, position, recorded_at, erasures
FROM log_head
WHERE position > 0
ORDER BY tenant_id;
