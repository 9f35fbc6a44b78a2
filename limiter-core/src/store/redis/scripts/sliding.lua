-- Sliding window counter: `start:previous:current`. A state with nothing counted begins now.
-- The units of the window before, weighted by what of it the sliding window still covers.
local function sliding_weight(it, state, up)
  local into = min(max(0, now - state[1]), it[3])
  local quotient, rest = mul_div(state[2], it[3] - into, it[3])
  return (up and rest > 0) and quotient + 1 or quotient
end

-- When the units of a window weigh no more than `room` in the one that opens at `start`.
local function sliding_falls(it, start, units, room)
  if room >= units then return start end
  local covered = room * div(it[3], units) + mul_div(room, fmod(it[3], units), units)
  return start + it[3] - min(covered, it[3])
end

algorithms.s = {
  read = function(it, key)
    local fresh = { now, 0, 0 }
    local text = call('GET', key)
    if not text then return fresh, false end
    local start, previous, current = match(text, '^(%d+):(%d+):(%d+)$')
    start, previous, current = whole(start), whole(previous), whole(current)
    if start + 2 * it[3] <= now then return fresh, true end
    if now >= start + it[3] then start, previous, current = start + it[3], current, 0 end
    if previous == 0 and current == 0 then return fresh, true end
    if start > now then return { now, previous, current }, true, true end
    return { start, previous, current }, true
  end,
  decide = function(it, state, cost)
    if cost > it[2] then return 2, -1, state end
    local room = it[2] - state[3] - sliding_weight(it, state, true)
    if cost > room then
      local limit, opens = it[2] - cost, nil
      if limit >= state[3] then
        opens = sliding_falls(it, state[1], state[2], limit - state[3])
      else
        opens = sliding_falls(it, state[1] + it[3], state[3], limit)
      end
      return 1, max(0, opens - now), state
    end
    if cost == 0 then return 0, -1, state end
    return 0, -1, { state[1], state[2], state[3] + cost }
  end,
  write = function(it, key, state)
    if state[2] == 0 and state[3] == 0 then return call('DEL', key) end
    local text = format('%.0f:%.0f:%.0f', state[1], state[2], state[3])
    call('SET', key, text, 'PX', millis(state[1] + 2 * it[3] - now))
  end,
  report = function(it, state) return now - state[1], state[2], state[3] end,
  penalize = function(it, state, cost)
    local most = max(0, it[2] - sliding_weight(it, state, false))
    return { state[1], state[2], max(state[3], min(state[3] + cost, most)) }
  end,
  settle = function(it, state, units, till)
    local start, previous, current = state[1], state[2], state[3]
    if units >= 0 or math.abs(till - start - 2 * it[3]) <= it.tolerance then
      current = max(0, min(current + units, BIG / 8))
    elseif math.abs(till - start - it[3]) <= it.tolerance then
      previous = max(0, previous + units)
    end
    return { start, previous, current }
  end,
}
