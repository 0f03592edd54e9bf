-- name: create
insert into tickets (id, run_id, account, market, position_id, body, state, reason, answered_by, created_at, updated_at)
values (%(id)s, %(run_id)s, %(account)s, %(market)s, %(position_id)s, %(body)s, %(state)s, '', '',
        %(created_at)s, %(created_at)s)
on conflict (id) do nothing

-- name: get
select body, state, reason, answered_by, updated_at from tickets where id = %(id)s

-- name: set_state
update tickets
set state = %(state)s, reason = %(reason)s, updated_at = %(at)s,
    answered_by = coalesce(%(answered_by)s, answered_by)
where id = %(id)s and state = any(%(from_states)s)
returning state

-- name: list
select body, state, reason, answered_by, updated_at from tickets
where (%(run_id)s::text is null or run_id = %(run_id)s)
  and (%(account)s::text is null or account = %(account)s)
  and (not %(open_only)s or state = any(%(open_states)s))
order by created_at desc, id

-- name: latest_for_run
select body, state, reason, answered_by, updated_at from tickets
where run_id = %(run_id)s
order by created_at desc, id
limit 1

-- name: starting_with
select id from tickets where starts_with(id, %(prefix)s) order by created_at desc, id limit 6
