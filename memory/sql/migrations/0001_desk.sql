-- The whole desk: what was known, decided, promised, done and learnt. Records stand as canonical text, money as numeric.
create extension if not exists vector;

create table snapshots (
    hash text primary key,
    ticker text not null,
    market text not null,
    as_of timestamptz not null,
    blob bytea not null
);
alter table snapshots alter column blob set storage external;

create table facts (
    snapshot_hash text not null,
    calculator text not null,
    blob bytea not null,
    primary key (snapshot_hash, calculator)
);
alter table facts alter column blob set storage external;

create table runs (
    run_id text primary key,
    account text not null,
    market text not null,
    as_of timestamptz not null,
    status text not null,
    spec text not null,
    decision text,
    decision_hash text,
    created_at timestamptz not null
);
create index runs_newest on runs (created_at desc);

create table nodes (
    thread_id text not null,
    node text not null,
    ticker text not null,
    in_hash text not null,
    output text not null,
    refusals text not null,
    duration_ms double precision not null,
    at timestamptz not null,
    primary key (thread_id, node, ticker)
);

create table transcripts (
    run_id text not null,
    ticker text not null,
    body text not null,
    words tsvector generated always as (to_tsvector('english', ticker || ' ' || body)) stored,
    primary key (run_id, ticker)
);
create index transcripts_words on transcripts using gin (words);

create table tickets (
    id text primary key,
    run_id text not null,
    account text not null,
    market text not null,
    position_id text,
    body text not null,
    state text not null,
    reason text not null,
    answered_by text not null,
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create index tickets_of_run on tickets (run_id);
create index tickets_of_account on tickets (account, created_at desc);

create table acts (
    id bigint generated always as identity primary key,
    kind text not null,
    who text not null,
    through text not null,
    subject text not null,
    nonce text not null unique,
    payload text not null,
    at timestamptz not null,
    applied_at timestamptz,
    outcome text
);
create index acts_of_subject on acts (subject, id);
create index acts_halting on acts (id) where kind in ('halt', 'resume');

create table accounts (
    account text primary key,
    start_cash numeric(20, 2) not null,
    cash numeric(20, 2) not null,
    broker_only text[] not null default '{}'
);

create table reservations (
    id text primary key,
    account text not null references accounts,
    body text not null,
    expires_at timestamptz not null,
    released_at timestamptz
);
create index reservations_live on reservations (account) where released_at is null;

create table intents (
    client_order_id text primary key,
    account text not null references accounts,
    ticket_id text not null,
    ticker text not null,
    session date not null,
    reducing boolean not null,
    contracts integer not null,
    largest_leg integer not null,
    max_loss numeric(20, 2) not null,
    filled integer not null default 0,
    body text not null,
    state text not null default 'working',
    report text,
    written_at timestamptz not null
);
create index intents_working on intents (account) where state = 'working';
create index intents_of_session on intents (account, session);

create table positions (
    id text primary key,
    account text not null references accounts,
    ticker text not null,
    sector text not null,
    name text not null,
    legs text not null,
    contracts integer not null check (contracts >= 0),
    entry_cost numeric(20, 2) not null,
    entry_net numeric not null,
    fees numeric(20, 2) not null,
    max_loss numeric(20, 2) not null,
    max_profit numeric(20, 2),
    realised numeric(20, 2) not null,
    multiplier integer not null,
    cycle date not null,
    opened_at timestamptz not null,
    closed_at timestamptz,
    playbook text not null,
    params_hash text not null,
    ticket_id text not null
);
create index positions_open on positions (account) where contracts > 0;

create table fills (
    client_order_id text not null references intents,
    seq integer not null,
    account text not null references accounts,
    position_id text not null references positions,
    contracts integer not null,
    amount numeric(20, 2) not null,
    fees numeric(20, 2) not null,
    realised numeric(20, 2) not null,
    at timestamptz not null,
    body text not null,
    primary key (client_order_id, seq)
);
create index fills_of_account on fills (account, at);

create table marks (
    position_id text not null references positions,
    at timestamptz not null,
    value numeric(20, 2) not null,
    note text not null,
    primary key (position_id, at)
);

create table equity (
    account text not null references accounts,
    at timestamptz not null,
    nlv numeric(20, 2) not null,
    at_close boolean not null,
    primary key (account, at)
);

create table outcomes (
    ticket_id text not null,
    state text not null,
    account text not null,
    at timestamptz not null,
    body text not null,
    primary key (ticket_id, state)
);
create index outcomes_of_account on outcomes (account, at);

create table paper_orders (
    placed bigint generated always as identity primary key,
    client_order_id text not null unique,
    account text not null,
    state text not null,
    body text not null,
    report text not null
);
create index paper_orders_of_account on paper_orders (account);

create table memories (
    id bigint primary key,
    world text not null,
    kind text not null,
    ticker text not null,
    source text not null,
    body text not null,
    event_time timestamptz not null,
    known_at timestamptz not null,
    embedding vector(384) not null
);
create index memories_of_world on memories (world, known_at);
create index memories_near on memories using hnsw (embedding vector_cosine_ops);

create table regimes (
    world text not null,
    as_of timestamptz not null,
    state text not null,
    regime text not null,
    primary key (world, as_of)
);

create table replies (
    key text primary key,
    model text not null,
    body bytea not null,
    at timestamptz not null
);
