-- name: has
select 1 as found from memories where id = %(id)s

-- name: remember
insert into memories (id, world, kind, ticker, source, body, event_time, known_at, embedding)
values (%(id)s, %(world)s, %(kind)s, %(ticker)s, %(source)s, %(body)s, %(event_time)s, %(known_at)s, %(embedding)s)
on conflict (id) do nothing

-- name: eligible
select count(*) as rows from (
    select 1 from memories
    where world = %(world)s and known_at <= %(as_of)s and event_time <= %(as_of)s
      and (%(ticker)s::text is null or ticker = %(ticker)s)
    limit %(enough)s
) found

-- name: nearest
select id, body, event_time, known_at, round((1 - (embedding <=> %(embedding)s::vector))::numeric, 4) as similarity
from memories
where world = %(world)s and known_at <= %(as_of)s and event_time <= %(as_of)s
  and (%(ticker)s::text is null or ticker = %(ticker)s)
order by similarity desc, id
limit %(limit)s

-- name: walk_on
select set_config('hnsw.iterative_scan', 'strict_order', true), set_config('hnsw.ef_search', '200', true)

-- name: near
with candidates as materialized (
    select id, body, event_time, known_at, embedding <=> %(embedding)s::vector as distance from memories
    where world = %(world)s and known_at <= %(as_of)s and event_time <= %(as_of)s
      and (%(ticker)s::text is null or ticker = %(ticker)s)
    order by embedding <=> %(embedding)s::vector
    limit 4 * %(limit)s::bigint
)
select id, body, event_time, known_at, round((1 - distance)::numeric, 4) as similarity from candidates
order by similarity desc, id
limit %(limit)s
