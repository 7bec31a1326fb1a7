SELECT customer, name, next_text FROM board_customer WHERE tenant_id = $1 AND generation = $2 AND customer IN
