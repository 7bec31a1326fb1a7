SELECT customer, position, effective_at, source, channel
FROM board_touch
WHERE tenant_id = $1 AND generation = $2 AND position <= $3
ORDER BY customer, effective_at, position
