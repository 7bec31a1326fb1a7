-- The signed notes. Bind: the tenant.
SELECT size, note FROM checkpoint WHERE tenant_id = $1 ORDER BY size
