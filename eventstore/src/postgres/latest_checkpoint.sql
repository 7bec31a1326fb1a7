-- The signed note over the largest tree. Bind: the tenant.
SELECT note FROM checkpoint WHERE tenant_id = $1 ORDER BY size DESC LIMIT 1
