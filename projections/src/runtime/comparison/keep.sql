INSERT INTO projection_comparison (tenant_id, projection, found)
VALUES ($1, $2, $3)
ON CONFLICT (tenant_id, projection) DO UPDATE SET found = excluded.found
