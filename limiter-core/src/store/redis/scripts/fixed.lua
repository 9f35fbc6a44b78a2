-- Fixed window. The key ends with it; what it holds is a thousand times the units that are used, and of the
-- microsecond at which the window ends what comes after the milliseconds, less one. Where that would be too large
-- it is `end:used`. A state with nothing used is a window that nobody has opened.
local FAR = given and 4000000000000 or 0
local MOST = BIG / 4000

local function fixed_end(it) return (it[4] and window_start(it[3], it[4]) or now) + it[3] end

algorithms.f = {
  read = function(it, key)
    local text = call('GET', key)
    if not text then return { 0, 0 }, false end
    local latest = fixed_end(it)
    local closes, used = match(text, '^(%d+):(%d+)$')
    if closes then
      closes, used = whole(closes), whole(used)
    else
      local kept, ends = whole(text), call('PEXPIRETIME', key)
      used = div(kept, 1000)
      closes = ends < 0 and latest or (ends - FAR) * 1000 - 999 + fmod(kept, 1000)
    end
    if used == 0 or closes <= now then return { 0, 0 }, true end
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
    local closes, used = state[1], state[2]
    if used == 0 then return call('DEL', key) end
    local ends = div_ceil(closes, 1000)
    local kept = used * 1000 + closes - ends * 1000 + 999
    if used > MOST then kept = format('%.0f:%.0f', closes, used) end
    call('SET', key, kept, 'PXAT', ends + FAR)
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
