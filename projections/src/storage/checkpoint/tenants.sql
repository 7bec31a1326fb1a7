-- Administration: which tenants have read models.
SELECT DISTINCT tenant_id FROM projection_checkpoint ORDER BY tenant_id
