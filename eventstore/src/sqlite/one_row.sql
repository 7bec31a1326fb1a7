-- Administration: whether the log can be read, by one row of whichever tenant. No binds.
SELECT position
FROM log_head
LIMIT 1;
