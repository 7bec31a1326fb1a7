-- The tenants that have a log, and where each ends. No binds.
SELECT tenant_id, position
FROM log_head
WHERE position > 0
ORDER BY tenant_id;
