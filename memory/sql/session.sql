-- name: in_utc
select set_config('timezone', 'UTC', false)

-- name: ping
select 1 as alive

-- name: lock_timeout
select set_config('lock_timeout', %(milliseconds)s::text || 'ms', false)

-- name: lock_timeout_here
select set_config('lock_timeout', %(milliseconds)s::text || 'ms', true)

-- name: lock
select pg_advisory_lock(hashtextextended(%(key)s, 0))

-- name: lock_here
select pg_advisory_xact_lock(hashtextextended(%(key)s, 0))

-- name: try_lock
select pg_try_advisory_lock(hashtextextended(%(key)s, 0)) as got

-- name: unlock
select pg_advisory_unlock(hashtextextended(%(key)s, 0))

-- name: one_view
set transaction isolation level repeatable read, read only

-- name: other_clients
select count(*) as others from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()
