SELECT customer, max(effective_at) AS at
FROM timeline_row
WHERE tenant_id = $1 AND generation = $2 AND deed IN ('follow_up', 'note', 'details', 'signal')
  AND known_from <= $3 AND effective_at <= $4
GROUP BY customer
