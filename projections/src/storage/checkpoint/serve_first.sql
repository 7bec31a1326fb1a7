INSERT INTO projection_serving (tenant_id, projection, generation)
VALUES ($1, $2, $3)
ON CONFLICT DO NOTHING
