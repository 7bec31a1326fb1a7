SELECT customer, actor, effective_at
FROM timeline_row
WHERE tenant_id = $1 AND generation = $2 AND deed = 'follow_up' AND known_from <= $3
ORDER BY customer, effective_at, position
