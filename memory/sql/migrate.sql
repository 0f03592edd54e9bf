-- name: make_table
create table if not exists migrations (
    version integer primary key, name text not null, sha256 text not null, applied_at timestamptz not null default now()
)

-- name: applied
select version, name, sha256 from migrations order by version

-- name: record
insert into migrations (version, name, sha256) values (%(version)s, %(name)s, %(sha256)s)

-- name: vector_version
select extversion as version from pg_extension where extname = 'vector'
