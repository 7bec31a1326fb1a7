-- Customers in the order of their registration, as far as they are seen, but for those merged, erased or withdrawn.
SELECT c.customer, c.created_position
FROM board_customer c
WHERE c.tenant_id = $1 AND c.generation = $2 AND c.created_position > $3 AND c.erased = 0 AND c.merged_into IS NULL
  AND c.withdrawn = 0
  AND (replace($5, $7 || c.region || $7, '') <> $5 OR c.region IS NULL
       OR (c.owner_kind = 'rep' AND replace($6, $7 || c.owner_id || $7, '') <> $6) OR $5 IS NULL)
ORDER BY c.created_position
LIMIT $4
