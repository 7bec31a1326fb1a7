SELECT generation, position, epoch, fold_version, recorded_at, owner, serves_from
FROM projection_checkpoint
WHERE tenant_id = $1 AND projection = $2
ORDER BY generation
