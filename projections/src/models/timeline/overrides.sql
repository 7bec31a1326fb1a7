SELECT customer, position, event, effective_at, recorded_at, actor, stage_from, stage_to, overrides, voided
FROM timeline_row
WHERE tenant_id = $1 AND generation = $2 AND deed = 'override' AND journey = $3
  AND known_from <= $4 AND (known_until IS NULL OR known_until > $4)
ORDER BY position DESC
