-- The table of violations, and a view that reads both layouts of its details. Run it as often as you
-- like: it makes what is missing and leaves the rest, rows of an older table included.

-- Instances that start together take turns: "if not exists" does not make them.
select pg_advisory_xact_lock(4781201743398172);

create table if not exists rate_limit_violations (
    id           bigserial primary key,
    gateway_name varchar(255) not null,
    total_count  bigint not null,
    details      jsonb not null default '{}',
    created_at   timestamp without time zone not null default (now() at time zone 'utc')
);

-- The stretch of time in which the violations were seen, in UTC, and what a row is known by when it is
-- sent a second time.
alter table rate_limit_violations
    add column if not exists window_start timestamp without time zone,
    add column if not exists window_end   timestamp without time zone,
    add column if not exists batch_id     uuid;

create index if not exists rate_limit_violations_gateway_created
    on rate_limit_violations (gateway_name, created_at desc);
create index if not exists rate_limit_violations_created
    on rate_limit_violations (created_at);
create unique index if not exists rate_limit_violations_batch
    on rate_limit_violations (batch_id);

-- One line for each rule and client of each row. Flat details are told apart at their last colon, since
-- addresses have colons; who has colons in the names of rules should choose the nested layout.
create or replace view rate_limit_violations_each as
select row.id, row.gateway_name, row.created_at,
       coalesce(row.window_start, row.created_at) as window_start,
       coalesce(row.window_end, row.created_at) as window_end,
       each.rule, each.client, each.count
from rate_limit_violations as row
cross join lateral (
    select substring(flat.key from '[^:]*$') as rule,
           regexp_replace(flat.key, ':[^:]*$', '') as client,
           (flat.value #>> '{}')::bigint as count
    from jsonb_each(row.details) as flat
    where jsonb_typeof(flat.value) = 'number'
    union all
    select nested.key, clients.key, clients.value::bigint
    from jsonb_each(row.details) as nested
    cross join lateral jsonb_each_text(
        case jsonb_typeof(nested.value) when 'object' then nested.value else '{}' end
    ) as clients
) as each;
