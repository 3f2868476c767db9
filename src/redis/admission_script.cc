// What Redis runs, in Lua 5.1. Numbers are doubles there: exact up to 2^53, which is nine million
// dollars; above, amounts are rounded to 16 digits.
#include "redis/script.h"

namespace sightglass::redis {

// The civil calendar from days since 1970: H. Hinnant, "chrono-Compatible Low-Level Date
// Algorithms", civil_from_days.
const std::string_view kMonthFunction = R"lua(
local function month_of(day)
  local z = day + 719468
  local era = math.floor(z / 146097)
  local doe = z - era * 146097
  local yoe = math.floor((doe - math.floor(doe / 1460) + math.floor(doe / 36524)
                          - math.floor(doe / 146096)) / 365)
  local doy = doe - (365 * yoe + math.floor(yoe / 4) - math.floor(yoe / 100))
  local mp = math.floor((5 * doy + 2) / 153)
  local month = mp < 10 and mp + 3 or mp - 9
  local year = yoe + era * 400 + (month <= 2 and 1 or 0)
  return year * 12 + month - 1
end
)lua";

namespace {
constexpr std::string_view kAdmission = R"lua(
local base, gateway, seq = KEYS[1], ARGV[1], tonumber(ARGV[2])
local time = redis.call('TIME')
local now = tonumber(time[1])
local now_ms = now * 1000 + math.floor(tonumber(time[2]) / 1000)
local function text(n) return string.format('%.0f', n) end

-- Tables: 1 open, 2 requests, 3 tokens, 4 to 6 money of hour, day, month.
local key = {base .. ':open', base .. ':requests', base .. ':tokens'}
local day = math.floor(now / 86400)
local period = {math.floor(now / 3600), day, month_of(day)}
for p, name in ipairs({':usd-hour:', ':usd-day:', ':usd-month:'}) do
  key[3 + p] = base .. name .. text(period[p])
end
local keep = {7200, 180, 180, 7200, 2 * 86400, 33 * 86400}
local limit = {}
for l = 1, 6 do limit[l] = tonumber(ARGV[5 + l]) end

-- What was sent before and comes late would put old amounts in place of newer ones.
local before = redis.call('HGET', key[1], gateway)
if before then
  local last = tonumber(string.match(before, '^%d+'))
  if last and last >= seq then return {'stale', text(last)} end
end

-- What this gateway knows of others that have not come back since all was forgotten.
local count = tonumber(ARGV[22])
for i = 23 + 3 * count, #ARGV, 3 do
  local t = tonumber(ARGV[i])
  if t <= 3 or tonumber(ARGV[6 + 2 * t]) == period[t - 3] then
    redis.call('HSETNX', key[t], ARGV[i + 1], ARGV[i + 2])
    redis.call('EXPIRE', key[t], keep[t])
  end
end

-- Own amounts, as they were told.
local running, tokens_open, money_open = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local own_slots = {[2] = ARGV[12], [3] = ARGV[13]}
local own_money = {}
for p = 1, 3 do
  local told = tonumber(ARGV[12 + 2 * p])
  if told == period[p] then
    own_money[p] = tonumber(ARGV[13 + 2 * p])
  elseif told > period[p] then  -- told for a window that has not begun here
    own_money[p] = tonumber(redis.call('HGET', key[3 + p], gateway) or '0')
  else
    own_money[p] = 0
  end
end

-- What the others have said.
local others = {{}, {}, {}, {}, {}, {}}
local function each(t, see)
  local all = redis.call('HGETALL', key[t])
  local list = others[t]
  for i = 1, #all, 2 do
    if all[i] ~= gateway and see(all[i + 1], all[i]) then
      list[#list + 1] = all[i]
      list[#list + 1] = all[i + 1]
    end
  end
end
local all_running, all_tokens_open, all_money_open = running, tokens_open, money_open
each(1, function(word, other)
  local _, heard, r, t, m = string.match(word, '^(%d+) (%d+) (%d+) (%d+) (%d+)$')
  if not heard or now_ms - tonumber(heard) > 3600000 then
    redis.call('HDEL', key[1], other)
    return false
  end
  if now_ms - tonumber(heard) <= 60000 then
    all_running = all_running + tonumber(r)
    all_tokens_open = all_tokens_open + tonumber(t)
  end
  all_money_open = all_money_open + tonumber(m)
  return true
end)
local function minute(word)
  local sum = 0
  for second, n in string.gmatch(word, '(%d+)=(%d+)') do
    if tonumber(second) > now - 61 then sum = sum + tonumber(n) end
  end
  return sum
end
local used = {0, 0, 0, 0, 0, 0}  -- added up where somebody asks
for t = 2, 3 do
  if limit[t] > 0 then
    used[t] = tonumber(ARGV[18 + t])
    each(t, function(word)
      if count > 0 then used[t] = used[t] + minute(word) end
      return true
    end)
  end
end
for t = 4, 6 do
  if limit[t] > 0 then
    used[t] = own_money[t - 3]
    each(t, function(word) used[t] = used[t] + (tonumber(word) or 0) return true end)
  end
end

-- Seconds until so much has left the minute.
local function wait(t, amount, admitted)
  local slots, seconds = {}, {}
  local function add(word)
    for second, n in string.gmatch(word, '(%d+)=(%d+)') do
      local s = tonumber(second)
      if s > now - 61 then
        if not slots[s] then seconds[#seconds + 1] = s end
        slots[s] = (slots[s] or 0) + tonumber(n)
      end
    end
  end
  add(own_slots[t])
  if admitted > 0 then add(text(now) .. '=' .. text(admitted)) end
  for i = 2, #others[t], 2 do add(others[t][i]) end
  table.sort(seconds)
  local freed, out = 0, 1
  for _, s in ipairs(seconds) do
    freed = freed + slots[s]
    out = math.max(s + 61 - now, 1)
    if freed >= amount then break end
  end
  return out
end

local admitted = 0
local function refuse(tokens, money, free)
  if limit[1] > 0 and all_running >= limit[1] then return '1 0 1' end
  if limit[2] > 0 and used[2] >= limit[2] then
    return '2 0 ' .. text(wait(2, used[2] - limit[2] + 1, admitted))
  end
  if free then return nil end
  if limit[3] > 0 then
    local left = limit[3] - used[3] - all_tokens_open
    if left <= 0 or tokens > left then
      return '3 ' .. text(math.max(left, 0)) .. ' ' .. text(wait(3, tokens - left, 0))
    end
  end
  for t = 4, 6 do
    if limit[t] > 0 then
      local left = limit[t] - used[t] - all_money_open
      if left <= 0 or money > left then
        return text(t) .. ' ' .. text(math.max(left, 0)) .. ' 0'
      end
    end
  end
  return nil
end

local decisions = {}
for i = 1, count do
  local at = 20 + 3 * i
  local tokens, money = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
  local refusal = refuse(tokens, money, ARGV[at + 2] == '1')
  if refusal then
    decisions[i] = refusal
  else
    decisions[i] = '0'
    admitted = admitted + 1
    all_running, running = all_running + 1, running + 1
    all_tokens_open, tokens_open = all_tokens_open + tokens, tokens_open + tokens
    all_money_open, money_open = all_money_open + money, money_open + money
    used[2] = used[2] + 1
  end
end

redis.call('HSET', key[1], gateway, ARGV[2] .. ' ' .. text(now_ms) .. ' ' .. text(running) .. ' ' ..
           text(tokens_open) .. ' ' .. text(money_open))
redis.call('EXPIRE', key[1], keep[1])
for t = 2, 6 do
  if limit[t] > 0 then
    local word = own_slots[t]
    if t == 2 and admitted > 0 then word = word .. ' ' .. text(now) .. '=' .. text(admitted) end
    if t > 3 then word = text(own_money[t - 3]) end
    local first = redis.call('HSET', key[t], gateway, word)
    if t <= 3 or first == 1 then redis.call('EXPIRE', key[t], keep[t]) end
  end
end
return {'ok', time[1], time[2], decisions, others[1], others[2], others[3], others[4], others[5],
        others[6]}
)lua";
}  // namespace

std::string admission_script() { return std::string(kMonthFunction).append(kAdmission); }

}  // namespace sightglass::redis
