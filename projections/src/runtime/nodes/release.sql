UPDATE projection_checkpoint
SET owner = NULL
WHERE tenant_id = $1 AND projection = $2 AND owner = $3
