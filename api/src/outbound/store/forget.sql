DELETE FROM delivery
WHERE tenant_id = $1 AND state = 'delivered' AND changed_at < $2
