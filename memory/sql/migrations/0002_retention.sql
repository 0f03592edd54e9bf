-- Snapshots that only mark or watch are kept for so many days; null is for ever, as all of those before this step are.
alter table snapshots add column kept_until timestamptz;
create index snapshots_passing on snapshots (kept_until) where kept_until is not null;
