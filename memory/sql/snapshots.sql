-- name: put
insert into snapshots (hash, ticker, market, as_of, blob)
values (%(hash)s, %(ticker)s, %(market)s, %(as_of)s, %(blob)s)
on conflict (hash) do nothing

-- name: get
select blob from snapshots where hash = %(hash)s

-- name: has
select 1 as found from snapshots where hash = %(hash)s
