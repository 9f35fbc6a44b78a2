-- Who would be affected by a lower limit, over the last day. Give the lower limit a rule of its own in
-- shadow: it refuses nobody, and what it would refuse is counted under its name and ` (shadow)`.
-- `refused_anyway` is how often the rules in force refused the same client.
with each as (
    select client, rule, sum(count)::bigint as violations
    from rate_limit_violations_each
    where created_at > (now() at time zone 'utc') - interval '24 hours'
    group by client, rule
)
select shadow.client, shadow.rule,
       shadow.violations as would_be_refused,
       coalesce(sum(enforced.violations), 0)::bigint as refused_anyway
from each as shadow
left join each as enforced on enforced.client = shadow.client and enforced.rule not like '% (shadow)'
where shadow.rule like '% (shadow)'
group by shadow.client, shadow.rule, shadow.violations
order by would_be_refused desc, shadow.client, shadow.rule;
