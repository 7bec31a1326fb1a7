-- Administration: the roles that may append and do not own the log, where row-level security was set up for them; asked by the owner.
SELECT DISTINCT grantee.rolname::text
FROM pg_catalog.pg_class AS log
CROSS JOIN LATERAL pg_catalog.aclexplode(log.relacl) AS granted
JOIN pg_catalog.pg_roles AS grantee ON grantee.oid = granted.grantee
WHERE log.oid = to_regclass('log_head') AND log.relrowsecurity AND granted.privilege_type = 'INSERT'
    AND granted.grantee <> log.relowner AND pg_has_role(log.relowner, 'USAGE')
ORDER BY 1
