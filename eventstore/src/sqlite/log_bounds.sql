-- Where a tenant's log and the index of its tags end. Bind: the tenant.
SELECT position, indexed FROM log_head WHERE tenant_id = ?1;
