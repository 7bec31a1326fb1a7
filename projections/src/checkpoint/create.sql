INSERT INTO projection_checkpoint (tenant_id, projection, generation, fold_version, position, recorded_at, epoch)
VALUES ($1, $2, $3, $4, 0, 0, 1)
