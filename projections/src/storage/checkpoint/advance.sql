UPDATE projection_checkpoint
SET position = $6, recorded_at = $7
WHERE tenant_id = $1 AND projection = $2 AND generation = $3 AND epoch = $4 AND position = $5
