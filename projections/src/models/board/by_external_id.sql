SELECT customer
FROM board_customer
WHERE tenant_id = $1 AND generation = $2 AND external_id = $3
