-- Says that one process lives, and counts those that do. KEYS: processes, each with the millisecond from
-- which it counts no more. ARGV: the process, its time to live, the longest that anybody may have.
-- Answers how many there are, and 1 if this one was not known.
local call = redis.call
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
-- Written before the clock was put back: who lives will say so.
call('ZREMRANGEBYSCORE', KEYS[1], now + tonumber(ARGV[3]) + 1, '+inf')
local new = call('ZADD', KEYS[1], now + tonumber(ARGV[2]), ARGV[1])
call('PEXPIREAT', KEYS[1], call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2])
return { call('ZCARD', KEYS[1]), new }
