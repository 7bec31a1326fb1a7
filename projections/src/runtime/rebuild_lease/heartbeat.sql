UPDATE projection_generation
SET beat = beat + 1
WHERE tenant_id = $1 AND projection = $2 AND building = $3
