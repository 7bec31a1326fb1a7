SELECT customer, pipeline, stage, sub_status
FROM board_card
WHERE tenant_id = $1 AND generation = $2 AND customer IN
