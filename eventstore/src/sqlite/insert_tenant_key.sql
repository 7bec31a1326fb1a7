-- Stores the wrapped key of a tenant that has none. Binds: the tenant, the key.
INSERT INTO tenant_key (tenant_id, wrapped)
VALUES (?1, ?2)
ON CONFLICT (tenant_id) DO NOTHING;
