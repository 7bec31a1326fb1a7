SELECT position
FROM rights_reached
WHERE tenant_id = $1
