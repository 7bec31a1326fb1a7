SELECT effective_at, position, stage, cycle
FROM dwell_move
WHERE tenant_id = $1 AND generation = $2 AND journey = $3 AND customer = $4 AND known_until IS NULL
ORDER BY effective_at DESC, position DESC
LIMIT 1
