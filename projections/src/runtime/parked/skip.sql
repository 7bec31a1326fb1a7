UPDATE projection_parked
SET skipped = $4
WHERE tenant_id = $1 AND projection = $2 AND position = $3 AND skipped IS NULL
