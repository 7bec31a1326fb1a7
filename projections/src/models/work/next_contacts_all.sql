-- When everybody is due to be contacted next with whom something is agreed, in the order of the customers.
SELECT customer, next_at FROM work_customer
WHERE tenant_id = $1 AND generation = $2 AND customer > $3 AND next_at IS NOT NULL
ORDER BY customer
LIMIT $4
