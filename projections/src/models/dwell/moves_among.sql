SELECT customer, effective_at, position, stage, cycle, repeats, actor, version, recorded_at, made_by, kind, noted
FROM dwell_move
WHERE tenant_id = $1 AND generation = $2 AND journey = $3
  AND known_from <= $4 AND (known_until IS NULL OR known_until > $4) AND customer IN
