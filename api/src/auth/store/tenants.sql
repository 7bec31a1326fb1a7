SELECT name, tenant, created_at
FROM tenant_name
WHERE tenant_id = $1
ORDER BY name
