-- The key of a tenant, unless it has one. Binds: each column.
INSERT INTO tenant_key (tenant_id, wrapped)
VALUES ($1, $2)
ON CONFLICT (tenant_id) DO NOTHING
