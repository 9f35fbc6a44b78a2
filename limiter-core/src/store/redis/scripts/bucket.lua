-- Token bucket: the instant at which it is full again, in microseconds and, for intervals that are
-- not whole ones, nanoseconds beyond: `tat`, `tat:nanos`. A charge made without asking can take the
-- debt beyond the capacity; how far is noted in a third number, and more than that is a clock that
-- stepped back. A state is the debt.
algorithms.b = {
  read = function(it, key)
    local text = call('GET', key)
    if not text then return { 0, 0, 0 }, false end
    local tat, nanos, over = match(text, '^(%d+):(%d+):?(%d*)$')
    if tat then
      tat, nanos, over = whole(tat), whole(nanos), over == '' and 0 or whole(over)
    else
      tat, nanos, over = whole(text), 0, 0
    end
    local debt = tat - now
    if debt < 0 then return { 0, 0, 0 }, true end
    if over > 0 then
      if debt > over then return { over, 0, over }, true, true end
    elseif debt > it[5] or (debt == it[5] and nanos > it[6]) then
      return { it[5], it[6], 0 }, true, true
    end
    return { debt, nanos, over }, true
  end,
  decide = function(it, state, cost)
    if cost > it[2] then return 2, -1, state end
    local micros, nanos = state[1] + cost * it[3], state[2] + cost * it[4]
    if nanos >= 1000 then
      local carry = div(nanos, 1000)
      micros, nanos = micros + carry, nanos - carry * 1000
    end
    local excess, beyond = micros - it[5], nanos - it[6]
    if excess > 0 or (excess == 0 and beyond > 0) then
      return 1, beyond > 0 and excess + 1 or excess, state
    end
    if cost == 0 then return 0, -1, state end
    return 0, -1, { micros, nanos, 0 }
  end,
  write = function(it, key, state)
    local micros, nanos, over = state[1], state[2], state[3]
    if micros == 0 and nanos == 0 then return call('DEL', key) end
    local text = now + micros
    if over > 0 then
      text = format('%.0f:%.0f:%.0f', text, nanos, over)
    elseif nanos > 0 then
      text = format('%.0f:%.0f', text, nanos)
    end
    call('SET', key, text, 'PX', millis(micros + 1))
  end,
  report = function(it, state) return state[1], state[2], 0 end,
  penalize = function(it, state)
    if state[1] > it[5] or (state[1] == it[5] and state[2] >= it[6]) then return state end
    return { it[5], it[6], 0 }
  end,
  -- An instant has nanoseconds beside its microseconds, too.
  settle = function(it, state, units, till, beyond)
    local micros, nanos = math.abs(units) * it[3], math.abs(units) * it[4]
    micros, nanos = micros + div(nanos, 1000), fmod(nanos, 1000)
    if units < 0 then
      -- What has refilled meanwhile is back already.
      local left, rest = till - now, beyond
      if left < 0 then left, rest = 0, 0 end
      if micros > left or (micros == left and nanos > rest) then micros, nanos = left, rest end
      micros, nanos = state[1] - micros, state[2] - nanos
      if nanos < 0 then micros, nanos = micros - 1, nanos + 1000 end
      if micros < 0 then micros, nanos = 0, 0 end
      return { micros, nanos, micros >= it[5] and state[3] or 0 }
    end
    micros, nanos = state[1] + micros, state[2] + nanos
    if nanos >= 1000 then micros, nanos = micros + 1, nanos - 1000 end
    if micros > BIG / 2 then micros = BIG / 2 end
    return { micros, nanos, micros >= it[5] and micros + 1 or 0 }
  end,
}
