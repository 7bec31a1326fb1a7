SELECT position, subject, event_type, cause, skipped
FROM projection_parked
WHERE tenant_id = $1 AND projection = $2
ORDER BY position
