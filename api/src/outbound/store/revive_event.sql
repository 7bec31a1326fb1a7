UPDATE delivery
SET state = 'pending', attempts = 0, next_at = $4, changed_at = $4, epoch = epoch + 1
WHERE tenant_id = $1 AND endpoint_id = $2 AND event_id = $3
