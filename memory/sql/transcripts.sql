-- name: put
insert into transcripts (run_id, ticker, body) values (%(run_id)s, %(ticker)s, %(body)s)
on conflict (run_id, ticker) do update set body = excluded.body

-- name: get
select run_id, ticker, body from transcripts where run_id = %(run_id)s order by ticker

-- name: search
select t.run_id, t.ticker,
       ts_headline('english', t.body, asked, 'StartSel=«, StopSel=», MaxWords=30, MinWords=10') as excerpt,
       ts_rank(t.words, asked)::double precision as rank
from transcripts t, websearch_to_tsquery('english', %(words)s) asked
where t.words @@ asked
order by rank desc, t.run_id, t.ticker
limit %(limit)s
