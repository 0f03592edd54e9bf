-- name: write
insert into acts (kind, who, through, subject, nonce, payload, at)
values (%(kind)s, %(who)s, %(through)s, %(subject)s, %(nonce)s, %(payload)s, %(at)s)
on conflict (nonce) do nothing
returning id, kind, who, through, subject, nonce, payload, at, applied_at, outcome

-- name: by_nonce
select id, kind, who, through, subject, nonce, payload, at, applied_at, outcome from acts where nonce = %(nonce)s

-- name: pending
select id, kind, who, through, subject, nonce, payload, at, applied_at, outcome from acts
where applied_at is null and (%(subject)s::text is null or subject = %(subject)s)
order by id

-- name: applied
update acts set applied_at = %(at)s, outcome = %(outcome)s where id = %(id)s and applied_at is null returning id

-- name: list
select id, kind, who, through, subject, nonce, payload, at, applied_at, outcome from acts
order by id desc
limit %(limit)s

-- name: halts
select h.subject as scope, h.payload, h.at from acts h
where h.kind = 'halt'
  and not exists (select 1 from acts r where r.kind = 'resume' and r.subject = h.subject and r.id > h.id)
order by h.id
