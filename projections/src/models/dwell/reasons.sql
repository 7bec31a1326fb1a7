SELECT customer, effective_at, position, reason
FROM dwell_move
WHERE tenant_id = $1 AND generation = $2 AND journey = $3 AND reason IS NOT NULL
  AND known_from <= $4 AND (known_until IS NULL OR known_until > $4)
ORDER BY customer, effective_at, position
