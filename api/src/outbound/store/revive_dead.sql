UPDATE delivery
SET state = 'pending', attempts = 0, next_at = $3, changed_at = $3, epoch = epoch + 1
WHERE tenant_id = $1 AND endpoint_id = $2 AND state = 'dead'
