INSERT INTO projection_checkpoint
       (tenant_id, projection, generation, fold_version, position, recorded_at, epoch, owner, serves_from)
VALUES ($1, $2, $3, $4, 0, 0, 1, $5, $6)
ON CONFLICT DO NOTHING
