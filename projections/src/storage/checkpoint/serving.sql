SELECT s.generation, c.position, c.epoch, c.fold_version, c.recorded_at, c.owner, c.serves_from
FROM projection_serving s
JOIN projection_checkpoint c
  ON c.tenant_id = $1 AND c.projection = s.projection AND c.generation = s.generation
WHERE s.tenant_id = $1 AND s.projection = $2
