SELECT found
FROM projection_comparison
WHERE tenant_id = $1 AND projection = $2
