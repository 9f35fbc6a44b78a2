-- One cost under one rule; or several such, each about a key of its own, under rules of one algorithm: a decision
-- without what it costs to be ready for several rules, modes and repeats.
-- ARGV: clock or '', then for each key cost, capacity, and what the algorithm needs beside.
-- Answers for each key as the general script would, or with nothing where that is to be asked; if anything was written
-- then, it was healed.
local _, algorithm = next(algorithms)

local function decide(key, at)
  local number = function(offset) return tonumber(ARGV[at + offset]) end
  local it = { number(0), number(1), number(2), number(3), number(4), number(5) }
  it.key, it.writes, foreign = key, true, false
  local state, known, dirty = algorithm.read(it, key)
  if foreign then return false end
  local said, wait, after = algorithm.decide(it, state, it[1])
  if said == 0 then state, dirty = after, true end
  local x, y, z = algorithm.report(it, state)
  if foreign then return false end
  if dirty or (known and call('PTTL', key) == -1) then algorithm.write(it, key, state) end
  return { said == 0 and 1 or 0, now, said, wait, x, y, z }
end

if #KEYS == 1 then return decide(KEYS[1], 2) end
local answers = {}
for i, key in ipairs(KEYS) do
  local worked, answer = pcall(decide, key, 6 * i - 4)
  answers[i] = worked and answer or false
end
return answers
