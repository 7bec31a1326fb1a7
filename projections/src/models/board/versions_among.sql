SELECT {board_past}
FROM board_past
WHERE tenant_id = $1 AND generation = $2 AND position > $3 AND position <= $4 AND customer IN
