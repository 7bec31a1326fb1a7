SELECT tenant
FROM tenant_name
WHERE tenant_id = $1 AND name = $2
