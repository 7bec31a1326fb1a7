DELETE FROM projection_serving
WHERE tenant_id = $1 AND projection = $2 AND generation = $3
