-- Where a tenant's log ends now. Binds: the tenant and each column.
UPDATE log_head
SET position = $2, recorded_at = $3, frontier = $4, root = $5, erasures = $6
WHERE tenant_id = $1
