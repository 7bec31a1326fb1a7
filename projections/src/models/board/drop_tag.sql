DELETE FROM board_tag
WHERE tenant_id = $1 AND generation = $2 AND tag = $3 AND customer = $4
