-- The customers of a sight, in order.
SELECT c.customer
FROM board_customer c
WHERE c.tenant_id = $1 AND c.generation = $2 AND c.customer > $3
  AND (replace($5, $7 || c.region || $7, '') <> $5 OR c.region IS NULL
       OR (c.owner_kind = 'rep' AND replace($6, $7 || c.owner_id || $7, '') <> $6) OR $5 IS NULL)
ORDER BY c.customer
LIMIT $4
