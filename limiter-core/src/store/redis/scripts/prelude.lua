-- What all scripts share. Every number is a whole one below 2^53 and goes into commands as it is:
-- turned into text by `..` or `tostring` it would keep 14 digits.
local call, floor, fmod = redis.call, math.floor, math.fmod
local max, min, format, match = math.max, math.min, string.format, string.match
local algorithms = {}
local BIG = 9007199254740992

-- The server's clock in microseconds, read once; or the caller's, in tests.
local now, given = tonumber(ARGV[1]), true
if not now then
  local time = call('TIME')
  now, given = time[1] * 1000000 + time[2], false
end

-- Set when a key holds what no script has written.
local foreign = false

local function whole(text)
  local number = tonumber(text)
  if number and number >= 0 and number < BIG and number == floor(number) then return number end
  foreign = true
  return 0
end

-- Rounded up, so that an absent key is a fresh one. Keys go by the server's clock: where time is moved by
-- hand they are kept for a day more.
local function millis(micros) return max(1, floor((micros + 999) / 1000)) + (given and 86400000 or 0) end

local function div(a, b) return (a - fmod(a, b)) / b end
local function div_ceil(a, b) return div(a + b - 1, b) end

-- Start of the window that holds this instant; `shift` is the offset from UTC.
local function window_start(period, shift) return now - fmod(now + shift, period) end

-- floor(a * b / c), and what is left of it, for b <= c < 2^50: in steps where the product is too large.
local function mul_div(a, b, c)
  if a * b < BIG then return div(a * b, c), fmod(a * b, c) end
  local step = 2
  while step * 2 * c * 2 <= BIG do step = step * 2 end
  local digits = {}
  while a > 0 do
    digits[#digits + 1] = fmod(a, step)
    a = div(a, step)
  end
  local quotient, rest = 0, 0
  for i = #digits, 1, -1 do
    local sum = rest * step + digits[i] * b
    quotient, rest = quotient * step + div(sum, c), fmod(sum, c)
  end
  return quotient, rest
end
