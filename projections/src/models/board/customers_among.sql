SELECT {board_customer}
FROM board_customer
WHERE tenant_id = $1 AND generation = $2 AND customer IN
