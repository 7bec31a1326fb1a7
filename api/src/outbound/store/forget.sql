DELETE FROM delivery
WHERE tenant_id = $1 AND endpoint_id = $2 AND position > $3 AND position <= $4 AND state = $5 AND changed_at < $6
