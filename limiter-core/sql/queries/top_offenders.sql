-- Who is refused most: by client and rule, over the last day.
-- Names in parentheses are ours: `(others)` are clients beyond the number that one instance tells apart.
select client, rule,
       sum(count)::bigint as violations,
       min(window_start) as first_seen,
       max(window_end) as last_seen
from rate_limit_violations_each
where created_at > (now() at time zone 'utc') - interval '24 hours'
group by client, rule
order by violations desc, client, rule
limit 20;
