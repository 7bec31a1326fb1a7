SELECT effective_at, position, known_from, event, stage, sub_status, cycle, repeats, actor, version
FROM dwell_move
WHERE tenant_id = $1 AND generation = $2 AND journey = $3 AND customer = $4
  AND known_from <= $5 AND (known_until IS NULL OR known_until > $5)
ORDER BY effective_at, position
