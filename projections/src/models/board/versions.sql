SELECT *
FROM board_past
WHERE tenant_id = $1 AND generation = $2 AND (customer, position) > ($3, $4)
ORDER BY customer, position
LIMIT $5
