-- No index serves this: it is asked once, about a name that nothing else knows.
SELECT p.owner_id
FROM board_past p
WHERE p.tenant_id = $1 AND p.generation = $2 AND p.owner_kind = 'rep' AND p.owner_id = $3
LIMIT 1
