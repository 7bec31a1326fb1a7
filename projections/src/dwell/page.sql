SELECT customer, effective_at, position, known_from, known_until, stage, cycle, repeats, actor
FROM dwell_move
WHERE tenant_id = $1 AND generation = $2 AND journey = $3
  AND (customer, effective_at, position, known_from) > ($4, $5, $6, $7)
ORDER BY customer, effective_at, position, known_from
LIMIT $8
