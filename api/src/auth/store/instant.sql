SELECT at
FROM service_instant
WHERE tenant_id = $1 AND name = $2
