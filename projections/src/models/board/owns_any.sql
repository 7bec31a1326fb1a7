SELECT c.owner_id
FROM board_customer c
WHERE c.tenant_id = $1 AND c.generation = $2 AND c.owner_kind = 'rep' AND c.owner_id = $3
LIMIT 1
