-- Slots: a sorted set of permits by the instant at which each runs out. A state is the number of
-- those that are held, and of those that this call takes on top.
algorithms.c = {
  read = function(it, key)
    it.key = key
    local held = call('ZCOUNT', key, now + 1, '+inf')
    if held == 0 then return { 0, 0 }, call('EXISTS', key) == 1 end
    if it.writes then
      -- Left over from before the clock stepped back.
      local beyond = call('ZRANGE', key, now + 4 * it[3], '+inf', 'BYSCORE')
      for _, permit in ipairs(beyond) do call('ZADD', key, now + it[3], permit) end
    end
    return { held, 0 }, true
  end,
  decide = function(it, state, cost)
    if cost > it[2] then return 2, -1, state end
    if state[1] + state[2] + cost > it[2] then return 1, -1, state end
    if cost == 0 then return 0, -1, state end
    return 0, -1, { state[1], state[2] + cost }
  end,
  -- The key's own end is looked after where permits are added.
  write = function(it, key) call('PEXPIRE', key, millis(it[3])) end,
  grant = function(it, key)
    call('ZREMRANGEBYSCORE', key, '-inf', now)
    for unit = 1, it[1] do call('ZADD', key, now + it[3], it.permit .. unit) end
    if call('PTTL', key) < millis(it[3]) then call('PEXPIRE', key, millis(it[3])) end
  end,
  report = function(it, state)
    if state[1] + state[2] == 0 then return 0, 0, 0 end
    local first = call('ZRANGE', it.key, now + 1, '+inf', 'BYSCORE', 'LIMIT', 0, 1, 'WITHSCORES')
    local left = first[2] and first[2] - now or it[3]
    return state[2] > 0 and min(left, it[3]) or left, state[1] + state[2], now
  end,
  penalize = function(it, state) return state end,
  settle = function(it, state) return state end,
}
