-- name: begin
insert into runs (run_id, account, market, as_of, status, spec, created_at)
values (%(run_id)s, %(account)s, %(market)s, %(as_of)s, %(status)s, %(spec)s, %(created_at)s)
on conflict (run_id) do nothing

-- name: run
select spec, status, decision, decision_hash, created_at from runs where run_id = %(run_id)s

-- name: runs
select spec, status, decision, decision_hash, created_at from runs
where %(account)s::text is null or account = %(account)s
order by created_at desc, run_id desc
limit %(limit)s

-- name: finish
update runs
set status = %(status)s,
    decision = coalesce(%(decision)s, decision),
    decision_hash = coalesce(%(decision_hash)s, decision_hash)
where run_id = %(run_id)s
  and (%(decision_hash)s::text is null or decision_hash is null or decision_hash = %(decision_hash)s)
returning run_id

-- name: set_status
update runs set status = %(status)s where run_id = %(run_id)s returning run_id

-- name: record_node
insert into nodes (thread_id, node, ticker, in_hash, output, refusals, duration_ms, at)
values (%(thread_id)s, %(node)s, %(ticker)s, %(in_hash)s, %(output)s, %(refusals)s, %(duration_ms)s, %(at)s)
on conflict (thread_id, node, ticker) do update
set in_hash = excluded.in_hash, output = excluded.output, refusals = excluded.refusals,
    duration_ms = excluded.duration_ms, at = excluded.at

-- name: nodes
select thread_id, node, ticker, in_hash, output, refusals, duration_ms, at from nodes
where thread_id = %(thread_id)s
order by at, node, ticker

-- name: starting_with
select run_id as id from runs where starts_with(run_id, %(prefix)s) order by created_at desc, run_id limit 6
