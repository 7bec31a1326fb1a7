SELECT state, MIN(changed_at) AS changed_at
FROM delivery
WHERE tenant_id = $1 AND state IN ('delivered', 'dead')
GROUP BY state
