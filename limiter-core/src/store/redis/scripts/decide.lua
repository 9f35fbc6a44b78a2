-- Decides about all rules, up to so many times in a row: everything is evaluated, then everything is
-- written or nothing is. ARGV: clock or '', times, whether to write, the rules.
-- Answers: how many were granted, the time, five numbers a rule for the last that was granted if any,
-- and as many for the first that was refused if any.
local times, writes = tonumber(ARGV[2]), ARGV[3] == '1'
local list, cells = items(4, 8, writes)
if foreign then return FOREIGN end

local reply, granted = { 0, now }, 0
local verdicts, waits = {}, {}

local function report()
  for i, it in ipairs(list) do
    local x, y, z = it.algorithm.report(it, it.cell.state)
    local n = #reply
    reply[n + 1], reply[n + 2], reply[n + 3], reply[n + 4], reply[n + 5] = verdicts[i], waits[i], x, y, z
  end
end

-- What an earlier rule of the same cell would leave, as this one sees it.
local function before(i, afters, passed)
  local it = list[i]
  for j = i - 1, 1, -1 do
    local other = list[j]
    if other.cell == it.cell and passed[j] and (other.mode ~= 'P' or it.mode == 'P') then return afters[j] end
  end
  return it.cell.state
end

-- So many at once come to the same as one after the other where each only takes: what they leave, if all fit.
local function together(count)
  local afters = {}
  for i, it in ipairs(list) do
    local said
    said, waits[i], afters[i] = it.algorithm.decide(it, it.cell.state, it[1] * count)
    if said ~= 0 then return end
  end
  return afters
end

local plain = times > 1 and writes and #cells == #list
for _, it in ipairs(list) do
  plain = plain and it.mode == 'C' and it[1] > 0 and not it.algorithm.grant
end
if plain then
  local over, afters = times, together(times)
  if afters then granted = times end
  while over - granted > 1 do
    local count = floor((granted + over) / 2)
    local left = together(count)
    if left then granted, afters = count, left else over = count end
  end
  for i, it in ipairs(list) do
    verdicts[i], waits[i] = 0, -1
    if granted > 0 then it.cell.state, it.cell.dirty = afters[i], true end
  end
end

while granted < times do
  local allowed, whole, afters, passed, said, waited = true, true, {}, {}, {}, {}
  for i, it in ipairs(list) do
    said[i], waited[i], afters[i] = it.algorithm.decide(it, before(i, afters, passed), it[1])
    passed[i] = said[i] == 0
    allowed = allowed and (passed[i] or it.mode == 'S')
    whole = whole and passed[i]
  end
  if not allowed then
    if granted > 0 then report() end
    verdicts, waits = said, waited
    for i, it in ipairs(list) do
      if writes and it.mode == 'X' and said[i] == 1 then
        it.cell.state, it.cell.dirty = it.algorithm.penalize(it, it.cell.state, it[1]), true
        said[i], waited[i] = it.algorithm.decide(it, it.cell.state, it[1])
      end
    end
    break
  end
  granted, verdicts, waits = granted + 1, said, waited
  if not writes then break end
  for i, it in ipairs(list) do
    -- What is in shadow is charged as if all were enforced.
    if passed[i] and it.mode ~= 'P' and it[1] > 0 and (whole or it.mode ~= 'S') then
      if whole then
        it.cell.state = afters[i]
      else
        -- An earlier one in shadow may have been counted for it, and is not charged.
        local _, _, alone = it.algorithm.decide(it, it.cell.state, it[1])
        it.cell.state = alone
      end
      if it.algorithm.grant then it.granted = true else it.cell.dirty = true end
    end
  end
end

reply[1] = granted
report()
if foreign then return FOREIGN end
if writes then
  for _, cell in ipairs(cells) do
    if cell.dirty or (cell.known and call('PTTL', cell.key) == -1) then
      cell.it.algorithm.write(cell.it, cell.key, cell.state)
    end
  end
  for _, it in ipairs(list) do
    if it.granted then it.algorithm.grant(it, it.key) end
  end
end
return reply
