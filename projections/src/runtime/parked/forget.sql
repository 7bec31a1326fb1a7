DELETE FROM projection_parked
WHERE tenant_id = $1 AND projection = $2
