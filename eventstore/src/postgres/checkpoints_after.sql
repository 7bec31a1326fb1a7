-- The signed notes over trees larger than a size. Binds: the tenant, the size, how many at most.
SELECT size, note FROM checkpoint WHERE tenant_id = $1 AND size > $2 ORDER BY size LIMIT $3
