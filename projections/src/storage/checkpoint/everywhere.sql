-- Administration: every generation of every read model of every tenant, and which of them serve.
SELECT c.tenant_id, c.projection, c.generation, c.position, c.epoch, c.fold_version, c.recorded_at, c.owner, c.serves_from,
       s.generation AS serving
FROM projection_checkpoint c
LEFT JOIN projection_serving s
  ON s.tenant_id = c.tenant_id AND s.projection = c.projection AND s.generation = c.generation
