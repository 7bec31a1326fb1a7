-- What is said to serve and has no checkpoint can never serve again.
DELETE FROM projection_serving
WHERE tenant_id = $1 AND projection = $2
  AND NOT EXISTS (SELECT 1 FROM projection_checkpoint c
                  WHERE c.tenant_id = $1 AND c.projection = $2 AND c.generation = projection_serving.generation)
