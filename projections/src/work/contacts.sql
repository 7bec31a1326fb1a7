SELECT c.customer, c.owner_kind, c.owner_id, c.tier, c.next_at, c.last_activity_at, c.created_at
FROM work_customer c
WHERE c.tenant_id = $1 AND c.generation = $2 AND c.closed = 0
  AND c.next_at >= $3 AND c.next_at < $4
  AND ((c.owner_kind = 'rep' AND c.owner_id = $5) OR $5 IS NULL)
  AND (replace($7, $9 || c.region || $9, '') <> $7 OR c.region IS NULL
       OR (c.owner_kind = 'rep' AND replace($8, $9 || c.owner_id || $9, '') <> $8) OR $7 IS NULL)
ORDER BY c.next_at, c.customer
LIMIT $6
