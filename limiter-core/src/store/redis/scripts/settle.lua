-- Changes charges after the fact. ARGV: clock or '', then for each charge a rule as in a decision,
-- where the units stand for the cost, and the instants at which it wears off and was made.
local list, cells = items(2, 10, true)
if foreign then return FOREIGN end
for i, it in ipairs(list) do
  local at = 2 + (i - 1) * 10
  local cell = it.cell
  if cell.known or it[1] > 0 then
    cell.state = it.algorithm.settle(it, cell.state, it[1], tonumber(ARGV[at + 8]), tonumber(ARGV[at + 9]))
    cell.dirty = true
  end
end
for _, cell in ipairs(cells) do
  if cell.dirty then cell.it.algorithm.write(cell.it, cell.key, cell.state) end
end
return 1
