-- From nobody, or from the one who is known to be dead.
UPDATE projection_generation
SET building = $3, beat = 0
WHERE tenant_id = $1 AND projection = $2 AND (building IS NULL OR building = $4 AND beat = $5)
