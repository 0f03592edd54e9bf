-- name: put
insert into snapshots (hash, ticker, market, as_of, blob, kept_until)
values (%(hash)s, %(ticker)s, %(market)s, %(as_of)s, %(blob)s, now() + make_interval(days => %(days)s))
on conflict (hash) do update set kept_until = case
    when snapshots.kept_until is null or excluded.kept_until is null then null
    else greatest(snapshots.kept_until, excluded.kept_until) end

-- name: keep
update snapshots set kept_until = case
    when kept_until is null or %(days)s::integer is null then null
    else greatest(kept_until, now() + make_interval(days => %(days)s)) end
where hash = %(hash)s

-- name: get
select blob from snapshots where hash = %(hash)s

-- name: prune
with gone as (delete from snapshots where kept_until < now() returning hash),
    facts_gone as (delete from facts using gone where facts.snapshot_hash = gone.hash)
select count(*)::integer as gone from gone
