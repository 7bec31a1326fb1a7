SELECT d.rule, COUNT(*) AS armed
FROM work_deadline d
JOIN work_customer c
  ON c.tenant_id = $1 AND c.generation = $2 AND c.customer = d.customer
WHERE d.tenant_id = $1 AND d.generation = $2 AND d.due_at <= $3 AND d.journey = $4
  AND (replace($5, $7 || c.region || $7, '') <> $5 OR c.region IS NULL
       OR (c.owner_kind = 'rep' AND replace($6, $7 || c.owner_id || $7, '') <> $6) OR $5 IS NULL)
GROUP BY d.rule
ORDER BY d.rule
