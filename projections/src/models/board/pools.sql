SELECT c.owner_id, count(*) AS customers
FROM board_customer c
WHERE c.tenant_id = $1 AND c.generation = $2 AND c.owner_kind = 'pool' AND c.merged_into IS NULL
  AND c.withdrawn = 0
  AND (replace($3, $5 || c.region || $5, '') <> $3 OR c.region IS NULL
       OR (c.owner_kind = 'rep' AND replace($4, $5 || c.owner_id || $5, '') <> $4) OR $3 IS NULL)
GROUP BY c.owner_id
ORDER BY c.owner_id
