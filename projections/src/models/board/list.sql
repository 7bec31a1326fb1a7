SELECT c.*
FROM board_customer c
WHERE c.tenant_id = $1 AND c.generation = $2 AND c.created_position > $3
