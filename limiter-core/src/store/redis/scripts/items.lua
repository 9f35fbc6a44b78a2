-- The rules of one call, eight arguments each from `first` on: algorithm, mode, cost, capacity, and what
-- the algorithm needs beside. Two rules may share a key, and so a cell.
local function items(first, each, writes)
  local list, cells = {}, {}
  for i, key in ipairs(KEYS) do
    local at = first + (i - 1) * each
    local number = function(offset) return tonumber(ARGV[at + offset]) end
    local it = { number(2), number(3), number(4), number(5), number(6), number(7) }
    it.algorithm, it.mode, it.permit, it.writes = algorithms[ARGV[at]], ARGV[at + 1], ARGV[at + 5], writes
    -- Charges are told apart by the edge at which they wear off, and edges are a period apart.
    it.tolerance = given and 0 or it[3] and div(it[3], 4) or 0
    local cell = cells[key]
    if not cell then
      cell = { key = key, it = it }
      cell.state, cell.known, cell.dirty = it.algorithm.read(it, key)
      cells[key], cells[#cells + 1] = cell, cell
    else
      it.key = key
    end
    it.cell, list[i] = cell, it
  end
  return list, cells
end

local FOREIGN = { err = 'LIMITERFOREIGN a key of the limiter holds what it has not written' }
