SELECT customer
FROM board_card
WHERE tenant_id = $1 AND generation = $2 AND pipeline = $3 AND stage = $4 AND pipeline_version = $5
  AND customer > $6
ORDER BY customer
LIMIT $7
