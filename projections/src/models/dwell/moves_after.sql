SELECT journey, customer, effective_at, position, event, stage, sub_status, cycle, repeats, actor, version, recorded_at,
       made_by, kind
FROM dwell_move
WHERE tenant_id = $1 AND generation = $2 AND (journey, customer, effective_at, position) > ($3, $4, $5, $6)
  AND known_from <= $7 AND (known_until IS NULL OR known_until > $7)
ORDER BY journey, customer, effective_at, position
LIMIT $8
