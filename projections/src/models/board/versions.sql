SELECT {board_past}
FROM board_past
WHERE tenant_id = $1 AND generation = $2 AND (customer, position, effective_at) > ($3, $4, $5)
ORDER BY customer, position, effective_at
LIMIT $6
