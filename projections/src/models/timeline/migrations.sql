SELECT customer, count(*) AS migrations
FROM timeline_row
WHERE tenant_id = $1 AND generation = $2 AND deed = 'migration' AND journey = $3
  AND known_from <= $4 AND (known_until IS NULL OR known_until > $4)
  AND effective_at >= $5 AND effective_at <= $6
GROUP BY customer
