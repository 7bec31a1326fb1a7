UPDATE projection_generation
SET building = NULL
WHERE tenant_id = $1 AND projection = $2 AND building = $3
