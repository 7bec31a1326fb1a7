SELECT customer, owner_kind, owner_id, tier, next_at, last_activity_at, created_at
FROM work_customer
WHERE tenant_id = $1 AND generation = $2 AND closed = 0
  AND next_at >= $3 AND next_at < $4
  AND ((owner_kind = 'rep' AND owner_id = $5) OR $5 IS NULL)
ORDER BY next_at, customer
LIMIT $6
