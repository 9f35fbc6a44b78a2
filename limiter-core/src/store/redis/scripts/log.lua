-- Exact log: a list of the instants at which single units were taken, newest first. A state is the
-- number of those that still count, and of those that this call takes on top.
local function log_at(key, index)
  local text = call('LINDEX', key, index)
  return text and whole(text)
end

-- How many from the head on satisfy a condition that holds for a head alone.
local function log_count(key, length, holds)
  local low, high = 0, length
  while low < high do
    local middle = div(low + high, 2)
    if holds(log_at(key, middle)) then low = middle + 1 else high = middle end
  end
  return low
end

local function log_push(key, units)
  while units > 0 do
    local some = {}
    for i = 1, min(units, 1000) do some[i] = now end
    call('LPUSH', key, unpack(some))
    units = units - #some
  end
end

-- When `cost` first fits if nothing else is taken: as soon as enough of the oldest have left.
local function log_opens(it, state, cost)
  local room = it[2] - cost - state[2]
  if room < 0 then return now + it[3] end
  if room >= state[1] then return now end
  return log_at(it.key, room) + it[3]
end

local function log_used(it, state)
  local used = state[1] + state[2]
  return state[3] and min(used, it[2]) or used
end

algorithms.l = {
  read = function(it, key)
    it.key = key
    local length = call('LLEN', key)
    if length == 0 then return { 0, 0 }, false end
    if log_at(key, 0) > now and it.writes then
      local ahead = log_count(key, length, function(at) return at > now end)
      call('LTRIM', key, ahead, -1)
      log_push(key, ahead)
      call('PEXPIRE', key, millis(it[3]))
    end
    local live = length
    if log_at(key, -1) + it[3] <= now then
      live = log_count(key, length, function(at) return at + it[3] > now end)
    end
    return { live, 0 }, true
  end,
  decide = function(it, state, cost)
    if cost > it[2] then return 2, -1, state end
    if log_used(it, state) + cost > it[2] then return 1, max(0, log_opens(it, state, cost) - now), state end
    if cost == 0 then return 0, -1, state end
    return 0, -1, { state[1], state[2] + cost }
  end,
  -- What takes memory comes first: a script that has written may go on without any left.
  write = function(it, key, state)
    local keep = state[1] + state[2]
    if keep == 0 then return call('DEL', key) end
    log_push(key, state[2])
    call('LTRIM', key, 0, (state[3] and min(keep, it[2]) or keep) - 1)
    call('PEXPIRE', key, millis(it[3]))
  end,
  report = function(it, state)
    local used = log_used(it, state)
    if used == 0 then return 0, 0, 0 end
    local newest = state[2] > 0 and now or log_at(it.key, 0)
    local opens = log_opens(it, state, max(0, it[2] - used) + 1)
    return newest + it[3] - now, used, max(0, opens - now)
  end,
  -- As many of the oldest units leave as the limit demands.
  penalize = function(it, state, cost) return { state[1], state[2] + min(cost, it[2]), true } end,
  settle = function(it, state, units, till, at)
    if units >= 0 then return { state[1], min(state[2] + units, 10000) } end
    if at + it[3] <= now then return state end
    local gone = call('LREM', it.key, -units, at)
    return { state[1] - gone, state[2] }
  end,
}
