-- Renews the permits of one node under one key. ARGV: clock or '', time to live, capacity, permits.
-- Answers 1 or 0 for each. A permit that has run out is not brought back, unless there is room: then
-- either nobody has taken its place or the server has lost its data.
local ttl, capacity = tonumber(ARGV[2]), tonumber(ARGV[3])
local held = call('ZCOUNT', KEYS[1], now + 1, '+inf')
local reply, renewed = {}, false
for i = 4, #ARGV do
  local score = tonumber(call('ZSCORE', KEYS[1], ARGV[i]) or 0)
  local lives = score > now
  reply[i - 3] = 0
  if lives or held < capacity then
    if not lives then held = held + 1 end
    call('ZADD', KEYS[1], now + ttl, ARGV[i])
    reply[i - 3], renewed = 1, true
  end
end
if renewed and call('PTTL', KEYS[1]) < millis(ttl) then call('PEXPIRE', KEYS[1], millis(ttl)) end
return reply
