SELECT customer, next_at FROM work_customer WHERE tenant_id = $1 AND generation = $2 AND customer IN
