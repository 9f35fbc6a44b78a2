-- Interval refill: `mark:used`, the last edge that was accounted for and the units that are missing.
-- More missing than fit is a charge made without asking, noted in a third number, or a clock that
-- stepped back.
local function interval_until(it, mark, units) return mark + div_ceil(units, max(1, it[5])) * it[3] - now end

algorithms.i = {
  read = function(it, key)
    local fresh = { it[4] and window_start(it[3], it[4]) or now, 0, 0 }
    local text = call('GET', key)
    if not text then return fresh, false end
    local mark, used, over = match(text, '^(%d+):(%d+):?(%d*)$')
    mark, used, over = whole(mark), whole(used), (over == '' or not over) and 0 or whole(over)
    local healed, most = false, max(it[2], over)
    if used > most then used, healed = most, true end
    local to = it[4] and fresh[1] or now
    local periods = to > mark and div(to - mark, it[3]) or 0
    used = used - periods * it[5]
    if used <= 0 then return fresh, true end
    if it[4] then
      mark = fresh[1]
    elseif mark > now then
      mark, healed = now, true
    else
      mark = mark + periods * it[3]
    end
    return { mark, used, used > it[2] and over or 0 }, true, healed
  end,
  decide = function(it, state, cost)
    if cost > it[2] then return 2, -1, state end
    local used = state[2] + cost
    if used > it[2] then return 1, max(0, interval_until(it, state[1], used - it[2])), state end
    if cost == 0 then return 0, -1, state end
    return 0, -1, { state[1], used, 0 }
  end,
  write = function(it, key, state)
    if state[2] == 0 then return call('DEL', key) end
    local text = format('%.0f:%.0f', state[1], state[2])
    if state[3] > 0 then text = format('%.0f:%.0f:%.0f', state[1], state[2], state[3]) end
    call('SET', key, text, 'PX', millis(interval_until(it, state[1], state[2])))
  end,
  report = function(it, state) return max(0, now - state[1]), state[2], 0 end,
  penalize = function(it, state) return { state[1], max(state[2], it[2]), state[3] } end,
  settle = function(it, state, units, till)
    -- What edges have brought back since the charge is not given back again.
    local edges = div_ceil(max(0, till - now), it[3])
    local used = max(0, min(state[2] + max(units, -edges * it[5]), BIG / 4))
    return { state[1], used, used > it[2] and used or 0 }
  end,
}
