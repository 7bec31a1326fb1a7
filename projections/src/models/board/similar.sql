-- The customers that share a mark with one, those that share most first, as far as they are seen. Unused binds repeat
-- the first mark.
SELECT s.customer, s.shared
FROM (
    SELECT g.customer, count(*) AS shared
    FROM board_gram g
    WHERE g.tenant_id = $1 AND g.generation = $2
      AND g.gram IN ($3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23,
                     $24, $25, $26)
    GROUP BY g.customer
) s
JOIN board_customer c
  ON c.tenant_id = $1 AND c.generation = $2 AND c.customer = s.customer
WHERE c.tenant_id = $1 AND c.erased = 0 AND c.merged_into IS NULL AND c.withdrawn = 0
  AND (replace($28, $30 || c.region || $30, '') <> $28 OR c.region IS NULL
       OR (c.owner_kind = 'rep' AND replace($29, $30 || c.owner_id || $30, '') <> $29) OR $28 IS NULL)
ORDER BY s.shared DESC, s.customer
LIMIT $27
