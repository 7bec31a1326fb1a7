SELECT c.stage, c.pipeline_version, count(*) AS customers
FROM board_card c
JOIN board_customer k
  ON k.tenant_id = $1 AND k.generation = c.generation AND k.customer = c.customer
WHERE c.tenant_id = $1 AND c.generation = $2 AND c.pipeline = $3 AND k.erased = 0
  AND (replace($4, $6 || k.region || $6, '') <> $4 OR k.region IS NULL
       OR (k.owner_kind = 'rep' AND replace($5, $6 || k.owner_id || $6, '') <> $5) OR $4 IS NULL)
GROUP BY c.stage, c.pipeline_version
ORDER BY c.stage, c.pipeline_version
