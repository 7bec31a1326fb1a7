-- The customers within a visibility, in order, and all that were merged, with what they go on as: they are seen where that is.
SELECT c.customer, c.merged_into
FROM board_customer c
WHERE c.tenant_id = $1 AND c.generation = $2 AND c.customer > $3
  AND (replace($5, $7 || c.region || $7, '') <> $5 OR c.region IS NULL
       OR (c.owner_kind = 'rep' AND replace($6, $7 || c.owner_id || $7, '') <> $6) OR $5 IS NULL
       OR c.merged_into IS NOT NULL)
ORDER BY c.customer
LIMIT $4
