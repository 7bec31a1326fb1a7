-- Where a tenant's log ends. Bind: the tenant.
SELECT position, recorded_at, frontier, root, erasures
FROM log_head
WHERE tenant_id = $1
