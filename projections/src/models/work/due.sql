SELECT customer, rule, cause, due_at
FROM work_deadline
WHERE tenant_id = $1 AND generation = $2 AND due_at <= $3
  AND (due_at > $4 OR (due_at = $4 AND (customer > $5 OR (customer = $5 AND rule > $6))))
ORDER BY due_at, customer, rule
LIMIT $7
