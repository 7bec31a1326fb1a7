-- Where a tenant's log ends, and nobody else appends to it until the commit. Bind: the tenant.
SELECT position, recorded_at, frontier, erasures
FROM log_head
WHERE tenant_id = $1
FOR UPDATE
