SELECT s.generation, c.position, c.epoch, c.fold_version, c.recorded_at
FROM projection_serving s
JOIN projection_checkpoint c
  ON c.tenant_id = s.tenant_id AND c.projection = s.projection AND c.generation = s.generation
WHERE s.tenant_id = $1 AND s.projection = $2
