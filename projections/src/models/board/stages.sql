SELECT customer, pipeline, stage, sub_status
FROM board_card
WHERE tenant_id = $1 AND generation = $2 AND (customer, pipeline) > ($3, $4)
ORDER BY customer, pipeline
LIMIT $5
