-- When everybody goes back to a pool whom a rule takes away, in the order of the customers.
SELECT customer, MIN(due_at) AS due_at FROM work_deadline
WHERE tenant_id = $1 AND generation = $2 AND customer > $3 AND rule LIKE 'reclaim:%'
GROUP BY customer
ORDER BY customer
LIMIT $4
