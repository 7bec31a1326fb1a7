SELECT node, beat, seen_at, skill
FROM projection_node
WHERE tenant_id = $1
ORDER BY node
