-- name: ensure_account
insert into accounts (account, start_cash, cash) values (%(account)s, %(start_cash)s, %(start_cash)s)
on conflict (account) do nothing

-- name: account
select account, start_cash, cash, broker_only from accounts where account = %(account)s

-- name: accounts
select account from accounts order by account

-- name: set_broker_only
update accounts set broker_only = %(keys)s where account = %(account)s returning account

-- name: move_cash
update accounts set cash = cash + %(amount)s where account = %(account)s

-- name: nlv
select nlv, at from equity where account = %(account)s order by (at <= %(at)s) desc, at desc limit 1

-- name: nlv_prior_close
-- The last value saved on an earlier day, a close where there was one; before any, what the account started with.
select coalesce(
    (
        select nlv from equity
        where account = %(account)s
          and (at at time zone 'America/New_York')::date < (%(at)s::timestamptz at time zone 'America/New_York')::date
        order by at desc
        limit 1
    ),
    (select start_cash from accounts where account = %(account)s)
) as nlv

-- name: nlv_at_entry
select a.cash + coalesce((select sum(p.entry_cost) from positions p where p.account = a.account), 0) as nlv,
       (select max(f.at) from fills f where f.account = a.account) as at
from accounts a where a.account = %(account)s

-- name: save_nlv
insert into equity (account, at, nlv, at_close) values (%(account)s, %(at)s, %(nlv)s, %(at_close)s)
on conflict (account, at) do update set nlv = excluded.nlv, at_close = equity.at_close or excluded.at_close

-- name: nlv_history
select at, nlv, at_close from equity where account = %(account)s order by at

-- name: save_mark
insert into marks (position_id, at, value, note) values (%(position_id)s, %(at)s, %(value)s, %(note)s)
on conflict (position_id, at) do update set value = excluded.value, note = excluded.note

-- name: marks
select position_id, at, value, note from marks where position_id = %(position_id)s order by at

-- name: reserve
insert into reservations (id, account, body, expires_at)
values (%(id)s, %(account)s, %(body)s, %(expires_at)s)
on conflict (id) do update set body = excluded.body, expires_at = excluded.expires_at
where reservations.released_at is null and reservations.account = excluded.account

-- name: reservations
select id, body from reservations
where account = %(account)s and released_at is null and expires_at > %(at)s
order by id

-- name: release
update reservations set released_at = %(at)s where id = %(id)s and released_at is null

-- name: known
select 1 as found from intents where client_order_id = %(client_order_id)s

-- name: write_intent
insert into intents (client_order_id, account, ticket_id, ticker, session, reducing, contracts, largest_leg, max_loss,
                     body, written_at)
values (%(client_order_id)s, %(account)s, %(ticket_id)s, %(ticker)s, %(session)s, %(reducing)s, %(contracts)s,
        %(largest_leg)s, %(max_loss)s, %(body)s, %(at)s)
on conflict (client_order_id) do nothing
returning client_order_id

-- name: intent
select body, state, account, contracts, filled from intents where client_order_id = %(client_order_id)s

-- name: working
select ticket_id, filled, body from intents
where account = %(account)s and state = 'working'
order by written_at, client_order_id

-- name: contracts_today
select ticker, sum(largest_leg)::integer as contracts from intents
where account = %(account)s and session = (%(at)s::timestamptz at time zone 'America/New_York')::date and not reducing
group by ticker
order by ticker

-- name: report_intent
update intents
set state = case when state = 'working' then %(state)s else state end,
    report = %(report)s,
    filled = %(filled)s
where client_order_id = %(client_order_id)s

-- name: open_positions
select * from positions where account = %(account)s and contracts > 0 order by opened_at, id

-- name: all_positions
select * from positions where account = %(account)s order by opened_at, id

-- name: position
select * from positions where id = %(id)s

-- name: save_position
insert into positions (id, account, ticker, sector, name, legs, contracts, entry_cost, entry_net, fees, max_loss,
                       max_profit, realised, multiplier, cycle, opened_at, closed_at, playbook, params_hash, ticket_id)
values (%(id)s, %(account)s, %(ticker)s, %(sector)s, %(name)s, %(legs)s, %(contracts)s, %(entry_cost)s, %(entry_net)s,
        %(fees)s, %(max_loss)s, %(max_profit)s, %(realised)s, %(multiplier)s, %(cycle)s, %(opened_at)s, %(closed_at)s,
        %(playbook)s, %(params_hash)s, %(ticket_id)s)
on conflict (id) do update
set contracts = excluded.contracts, entry_cost = excluded.entry_cost, entry_net = excluded.entry_net,
    fees = excluded.fees, max_loss = excluded.max_loss, max_profit = excluded.max_profit,
    realised = excluded.realised, closed_at = excluded.closed_at

-- name: fill_known
select 1 as found from fills where client_order_id = %(client_order_id)s and seq = %(seq)s

-- name: save_fill
insert into fills (client_order_id, seq, account, position_id, contracts, amount, fees, realised, at, body)
values (%(client_order_id)s, %(seq)s, %(account)s, %(position_id)s, %(contracts)s, %(amount)s, %(fees)s, %(realised)s,
        %(at)s, %(body)s)

-- name: filled
select coalesce(sum(contracts), 0)::integer as contracts, coalesce(sum(amount), 0) as amount,
       coalesce(sum(fees), 0) as fees, coalesce(sum(realised), 0) as realised, max(position_id) as position_id
from fills where client_order_id = %(client_order_id)s

-- name: fills
select f.body from fills f join intents i using (client_order_id)
where f.account = %(account)s
order by f.at, i.written_at, f.client_order_id, f.seq

-- name: outcome_account
select coalesce(
    (select account from tickets where id = %(ticket_id)s),
    (select account from positions where id = %(position_id)s),
    (select max(account) from intents where ticket_id = %(ticket_id)s)
) as account

-- name: record_outcome
insert into outcomes (ticket_id, state, account, at, body)
values (%(ticket_id)s, %(state)s, %(account)s, %(at)s, %(body)s)
on conflict (ticket_id, state) do nothing

-- name: outcomes
select body from outcomes where account = %(account)s order by at, ticket_id, state
