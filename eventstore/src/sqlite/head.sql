-- Where a tenant's log ends. Bind: the tenant.
SELECT 'head' AS fact, position, recorded_at, frontier, erasures, indexed FROM log_head WHERE tenant_id = ?;
