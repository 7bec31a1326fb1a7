DELETE FROM projection_node
WHERE tenant_id = $1 AND node = $2
