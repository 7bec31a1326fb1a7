SELECT c.customer
FROM board_card c
JOIN board_customer k
  ON k.tenant_id = $1 AND k.generation = c.generation AND k.customer = c.customer
WHERE c.tenant_id = $1 AND c.generation = $2 AND c.pipeline = $3 AND c.stage = $4 AND c.pipeline_version = $5
  AND c.customer > $6 AND k.erased = 0
  AND (replace($8, $10 || k.region || $10, '') <> $8 OR k.region IS NULL
       OR (k.owner_kind = 'rep' AND replace($9, $10 || k.owner_id || $10, '') <> $9) OR $8 IS NULL)
ORDER BY c.customer
LIMIT $7
