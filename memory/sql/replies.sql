-- name: get
select body from replies where key = %(key)s

-- name: put
insert into replies (key, model, body, at) values (%(key)s, %(model)s, %(body)s, %(at)s)
on conflict (key) do nothing
