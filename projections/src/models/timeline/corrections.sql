SELECT customer, recorded_at, coalesce(whom, actor) AS whom, coalesce(about_stage, '') AS stage, coalesce(about_at, effective_at) AS about_at
FROM timeline_row
WHERE tenant_id = $1 AND generation = $2 AND deed = 'correction' AND journey = $3
  AND known_from <= $4 AND (known_until IS NULL OR known_until > $4)
ORDER BY position
