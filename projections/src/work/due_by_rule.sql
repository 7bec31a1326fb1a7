SELECT rule, COUNT(*)
FROM work_deadline
WHERE tenant_id = $1 AND generation = $2 AND due_at <= $3 AND journey = $4
GROUP BY rule
ORDER BY rule
