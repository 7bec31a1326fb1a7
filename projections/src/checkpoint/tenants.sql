SELECT DISTINCT tenant_id FROM projection_checkpoint ORDER BY tenant_id
