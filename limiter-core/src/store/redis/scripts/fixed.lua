-- Fixed window: `end:used`. A state with nothing used is a window that nobody has opened.
local function fixed_end(it) return (it[4] and window_start(it[3], it[4]) or now) + it[3] end

algorithms.f = {
  read = function(it, key)
    local text = call('GET', key)
    if not text then return { 0, 0 }, false end
    local closes, used = match(text, '^(%d+):(%d+)$')
    closes, used = whole(closes), whole(used)
    if used == 0 or closes <= now then return { 0, 0 }, true end
    local latest = fixed_end(it)
    if closes > latest then return { latest, used }, true, true end
    return { closes, used }, true
  end,
  decide = function(it, state, cost)
    if cost > it[2] then return 2, -1, state end
    local used = state[2] + cost
    if used > it[2] then return 1, state[1] - now, state end
    if cost == 0 then return 0, -1, state end
    return 0, -1, { state[2] > 0 and state[1] or fixed_end(it), used }
  end,
  write = function(it, key, state)
    if state[2] == 0 then return call('DEL', key) end
    call('SET', key, format('%.0f:%.0f', state[1], state[2]), 'PX', millis(state[1] - now))
  end,
  report = function(it, state) return max(0, state[1] - now), state[2], 0 end,
  penalize = function(it, state)
    return { state[2] > 0 and state[1] or fixed_end(it), max(state[2], it[2]) }
  end,
  settle = function(it, state, units, till)
    if units >= 0 then return { state[2] > 0 and state[1] or fixed_end(it), min(state[2] + units, BIG / 2) } end
    -- What was charged in an earlier window went with it.
    if state[2] == 0 or math.abs(till - state[1]) > it.tolerance then return state end
    return { state[1], max(0, state[2] + units) }
  end,
}
