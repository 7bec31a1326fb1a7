UPDATE projection_checkpoint
SET epoch = epoch + 1, owner = $5
WHERE tenant_id = $1 AND projection = $2 AND generation = $3 AND epoch = $4
