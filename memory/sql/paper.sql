-- name: find
select report from paper_orders where client_order_id = %(client_order_id)s

-- name: put
insert into paper_orders (client_order_id, account, state, body, report)
values (%(client_order_id)s, %(account)s, %(state)s, %(body)s, %(report)s)
on conflict (client_order_id) do nothing

-- name: update
update paper_orders set state = %(state)s, report = %(report)s
where client_order_id = %(client_order_id)s and state = 'working'
returning client_order_id

-- name: open
select body, report from paper_orders where account = %(account)s and state = 'working' order by placed

-- name: all
select body, report from paper_orders where account = %(account)s order by placed
