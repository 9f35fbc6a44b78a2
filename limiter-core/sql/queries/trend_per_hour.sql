-- How it goes, hour by hour and rule by rule, over the last week. An hour is that in which a row's
-- window ended.
select date_trunc('hour', window_end) as hour, rule,
       sum(count)::bigint as violations,
       count(distinct client)::bigint as clients
from rate_limit_violations_each
where created_at > (now() at time zone 'utc') - interval '7 days'
group by hour, rule
order by hour, violations desc, rule;
