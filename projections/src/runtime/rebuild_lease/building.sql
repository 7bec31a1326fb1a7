SELECT building, beat
FROM projection_generation
WHERE tenant_id = $1 AND projection = $2 AND building IS NOT NULL
