UPDATE projection_serving
SET generation = $4
WHERE tenant_id = $1 AND projection = $2 AND generation = $3
