-- Which rules refuse most, and how many clients they refuse, over the last day. Many clients under one
-- rule mean a limit that is too low, or a flood; few clients with many violations mean abuse.
select rule,
       sum(count)::bigint as violations,
       count(distinct client)::bigint as clients,
       round(100 * sum(count) / sum(sum(count)) over (), 1)::float8 as percent
from rate_limit_violations_each
where created_at > (now() at time zone 'utc') - interval '24 hours'
group by rule
order by violations desc, rule;
