SELECT r.customer, r.rule, r.cause, r.due_at, r.skipped, r.position
FROM work_run r
JOIN work_customer c
  ON c.tenant_id = $1 AND c.generation = $2 AND c.customer = r.customer
WHERE r.tenant_id = $1 AND r.generation = $2 AND r.journey = $3 AND r.skipped IS NOT NULL
  AND (replace($5, $7 || c.region || $7, '') <> $5 OR c.region IS NULL
       OR (c.owner_kind = 'rep' AND replace($6, $7 || c.owner_id || $7, '') <> $6) OR $5 IS NULL)
  AND (c.closed = 0 OR $5 IS NULL)
ORDER BY r.position DESC
LIMIT $4
