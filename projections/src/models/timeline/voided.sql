SELECT customer, actor, coalesce(stage_to, '') AS stage, effective_at
FROM timeline_row
WHERE tenant_id = $1 AND generation = $2 AND deed IN ('voided', 'override') AND voided = 1 AND journey = $3
  AND known_from <= $4 AND (known_until IS NULL OR known_until > $4)
