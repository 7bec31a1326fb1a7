UPDATE dwell_move
SET known_until = $8
WHERE tenant_id = $1 AND generation = $2 AND journey = $3 AND customer = $4
  AND effective_at = $5 AND position = $6 AND known_from = $7
