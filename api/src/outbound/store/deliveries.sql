SELECT endpoint_id, position, event_id, event_type, parts, state, attempts, next_at, last_status, last_error, queued_at,
       changed_at, epoch
FROM delivery
WHERE tenant_id = $1 AND endpoint_id = $2 AND position < $3 AND (state = $4 OR $4 IS NULL)
ORDER BY position DESC
LIMIT $5
