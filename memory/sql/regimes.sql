-- name: last
select state from regimes where world = %(world)s and as_of < %(before)s order by as_of desc limit 1

-- name: put
insert into regimes (world, as_of, state, regime) values (%(world)s, %(as_of)s, %(state)s, %(regime)s)
on conflict (world, as_of) do update set state = excluded.state, regime = excluded.regime
