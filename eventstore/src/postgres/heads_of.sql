-- Administration: where the logs of some tenants end. Promises nothing of one moment. Bind: the tenants.
SELECT tenant_id, position FROM log_head WHERE tenant_id = ANY ($1)
