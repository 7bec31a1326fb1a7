SELECT customer, pipeline, pipeline_version, cycle, stage, sub_status, entered_at, last_at, last_position,
  moved_position
FROM board_card
WHERE tenant_id = $1 AND generation = $2 AND customer IN
