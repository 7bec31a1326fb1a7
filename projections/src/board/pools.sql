SELECT owner_id, count(*)
FROM board_customer
WHERE tenant_id = $1 AND generation = $2 AND owner_kind = 'pool' AND merged_into IS NULL
GROUP BY owner_id
ORDER BY owner_id
