UPDATE endpoint
SET holder = $3, held_until = $5
WHERE tenant_id = $1 AND endpoint_id = $2 AND disabled_at IS NULL
  AND (holder IS NULL OR holder = $3 OR held_until <= $4)
