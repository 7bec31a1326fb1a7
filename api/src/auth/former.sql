-- Tenants' names stood in a table of their own once, one row a tenant.
BEGIN IMMEDIATE;
INSERT INTO tenant_name (tenant_id, name, tenant, created_at)
SELECT x'00000000000000000000000000000000', name, tenant_id, created_at FROM tenant WHERE true
ON CONFLICT DO NOTHING;
DROP TABLE tenant;
COMMIT;
