SELECT a.*
FROM board_approval a
WHERE a.tenant_id = $1 AND a.generation = $2 AND a.approval IN
