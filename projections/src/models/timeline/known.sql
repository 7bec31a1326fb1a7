SELECT customer, position, known_from, known_until, event, event_type, effective_at, recorded_at, actor,
  journey, stage_from, stage_to, corrects, now_at, now_stage, superseded_by, voided, other, made_by, deed,
  whom, about_stage, about_at, next_at, chars, overrides
FROM timeline_row
WHERE tenant_id = $1 AND generation = $2 AND customer = $3
  AND known_from <= $4 AND (known_until IS NULL OR known_until > $4)
ORDER BY position
