SELECT DISTINCT endpoint_id
FROM delivery
WHERE tenant_id = $1 AND next_at <= $2
