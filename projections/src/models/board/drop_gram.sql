DELETE FROM board_gram
WHERE tenant_id = $1 AND generation = $2 AND gram = $3 AND customer = $4
