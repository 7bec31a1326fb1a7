INSERT INTO projection_generation (tenant_id, projection, last, building, beat)
VALUES ($1, $2, 1, NULL, 0)
ON CONFLICT (tenant_id, projection) DO UPDATE SET last = projection_generation.last + 1
RETURNING last
