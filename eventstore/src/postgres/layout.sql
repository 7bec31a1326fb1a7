-- The layout of the tables. Bind: the system's own tenant.
SELECT version FROM log_layout WHERE tenant_id = $1
