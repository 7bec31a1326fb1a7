SELECT customer, name, erased, next_at, next_text, next_text_en FROM board_customer WHERE tenant_id = $1 AND generation = $2 AND customer IN
