-- The wrapped key of a tenant. Bind: the tenant.
SELECT wrapped FROM tenant_key WHERE tenant_id = ?1;
