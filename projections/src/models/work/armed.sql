SELECT d.rule, COUNT(*) AS armed, MIN(d.due_at) AS next_due_at
FROM work_deadline d
JOIN work_customer c
  ON c.tenant_id = $1 AND c.generation = $2 AND c.customer = d.customer
WHERE d.tenant_id = $1 AND d.generation = $2 AND d.journey = $3
  AND (replace($4, $6 || c.region || $6, '') <> $4 OR c.region IS NULL
       OR (c.owner_kind = 'rep' AND replace($5, $6 || c.owner_id || $6, '') <> $5) OR $4 IS NULL)
GROUP BY d.rule
ORDER BY d.rule
