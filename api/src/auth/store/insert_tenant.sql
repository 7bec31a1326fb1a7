INSERT INTO tenant_name (tenant_id, name, tenant, created_at)
VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING
