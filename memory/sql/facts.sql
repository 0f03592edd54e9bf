-- name: get
select blob from facts where snapshot_hash = %(snapshot_hash)s and calculator = %(calculator)s

-- name: put
insert into facts (snapshot_hash, calculator, blob)
values (%(snapshot_hash)s, %(calculator)s, %(blob)s)
on conflict (snapshot_hash, calculator) do nothing
