"""What Redis does in one step, in Lua: whatever asks first whether a job is still ours, or changes two keys.

KEYS of all but ENQUEUE and REVIVE: the stream, the starts by id, the errors by id, the dead letters. Each script may
run twice, because a reply was lost, and then does what it would have done once. Source: XREADGROUP, XAUTOCLAIM and
XPENDING of Redis' documentation; nothing newer than Redis 6.2 is used.
"""

GROUP = "workers"  # as below: the one group there is

_HEAD = """
local jobs, starts, errors, dead = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local group, me = 'workers', ARGV[1]
local returned = 'returned'  -- in whose name given back jobs are pending, until somebody takes them over

local function mine(id)
  local pending = redis.call('XPENDING', jobs, group, id, id, 1)
  return pending[1] and pending[1][2] == me
end

local function started(id)  -- how often, and by which request; that is '' where the last start has ended
  local count, by = string.match(redis.call('HGET', starts, id) or '0 ', '^(%d+) (.*)$')
  return tonumber(count), by
end

local function forget(id)
  redis.call('XACK', jobs, group, id)
  redis.call('XDEL', jobs, id)
  redis.call('HDEL', starts, id)
  redis.call('HDEL', errors, id)
end

local function bury(id, reason)
  local entry = redis.call('XRANGE', jobs, id, id)[1]
  local fields = {key = '', body = 'null'}
  for place = 1, entry and #entry[2] or 0, 2 do fields[entry[2][place]] = entry[2][place + 1] end
  local count = started(id)
  redis.call('XADD', dead, '*', 'key', fields.key, 'body', fields.body, 'starts', count, 'reason', reason)
  forget(id)
end
"""

ENQUEUE = """
local jobs, known = KEYS[1], KEYS[2]
local by = redis.call('GET', known)
if by then return by == ARGV[5] and 1 or 0 end
if redis.call('XLEN', jobs) >= tonumber(ARGV[3]) then return -1 end
redis.call('XADD', jobs, '*', 'key', ARGV[1], 'body', ARGV[2])
redis.call('SET', known, ARGV[5], 'PX', ARGV[4])
return 1
"""
"""ARGV: key, body, the most jobs, milliseconds to remember the key, who asks. Returns 1 added, 0 known, -1 full."""

REVIVE = """
local jobs, dead, revived = KEYS[1], KEYS[2], KEYS[3]
local by = redis.call('GET', revived)
if by then return by == ARGV[4] and 1 or 0 end
if redis.call('XDEL', dead, ARGV[1]) == 0 then return 0 end
redis.call('XADD', jobs, '*', 'key', ARGV[2], 'body', ARGV[3])
redis.call('SET', revived, ARGV[4], 'PX', ARGV[5])
return 1
"""
"""KEYS: the stream, the dead letters, what remembers the request.

ARGV: the letter's id, key, body, who asks, milliseconds to remember that. Returns 1, or 0: the letter is gone.
"""

ALONE = "alone"  # how a request begins that begins a job which is the only one in hand

START = f"""{_HEAD}
local counts = {{}}
for place = 4, #ARGV do
  local id = ARGV[place]
  local count, by = started(id)
  local died_in_company = count > 0 and by ~= '' and not string.find(by, '^alone')
  if not mine(id) then
    counts[#counts + 1] = 0
  elseif by == ARGV[3] then
    counts[#counts + 1] = count
  elseif count >= tonumber(ARGV[2]) and not died_in_company then
    local last = redis.call('HGET', errors, id)
    bury(id, last or 'its workers died, or stood still for longer than a lease, each time it was started')
    counts[#counts + 1] = 0
  elseif count > 0 and by ~= '' and not string.find(ARGV[3], '^alone') then
    counts[#counts + 1] = -1
  else
    redis.call('HSET', starts, id, (count + 1) .. ' ' .. ARGV[3])
    counts[#counts + 1] = count + 1
  end
end
return counts
"""
"""ARGV: consumer, the most starts, what names this request, ids.

Returns for each which start it is; 0: none; -1: none yet, its last start never ended, so it is to be begun alone.
"""

DONE = f"""{_HEAD}
local count = 0
for place = 2, #ARGV do
  if mine(ARGV[place]) then
    forget(ARGV[place])
    count = count + 1
  end
end
return count
"""
"""ARGV: consumer, ids. Returns how many of them were not somebody else's by then."""

FAIL = f"""{_HEAD}
local id = ARGV[2]
if not mine(id) then return 0 end
redis.call('HSET', errors, id, ARGV[3])
local count = started(id)
if count >= tonumber(ARGV[4]) then
  bury(id, ARGV[3])
  return 2
end
redis.call('HSET', starts, id, count .. ' ')
redis.call('XCLAIM', jobs, group, me, 0, id, 'IDLE', ARGV[5], 'JUSTID')
return 1
"""
"""ARGV: consumer, id, the error, the most starts, milliseconds that it counts as idle. Returns 0: lost, 1, 2: dead."""

RENEW = f"""{_HEAD}
local lost = {{}}
for place = 2, #ARGV do
  if mine(ARGV[place]) then
    redis.call('XCLAIM', jobs, group, me, 0, ARGV[place], 'IDLE', 0, 'JUSTID')
  else
    lost[#lost + 1] = ARGV[place]
  end
end
return lost
"""
"""ARGV: consumer, ids. Returns those that are somebody else's by now."""

LEAVE = f"""{_HEAD}
local begun = {{}}
for place = 4, #ARGV do begun[ARGV[place]] = true end
for _, entry in ipairs(redis.call('XPENDING', jobs, group, '-', '+', 100000, me)) do
  local count, by = started(entry[1])
  if count > 0 and (begun[entry[1]] or by == ARGV[3]) then
    local again = string.find(by, '^alone') and returned or ''  -- alone, as before: it has shown nothing yet
    redis.call('HSET', starts, entry[1], (count - 1) .. ' ' .. again)
  end
  redis.call('XCLAIM', jobs, group, returned, 0, entry[1], 'IDLE', ARGV[2], 'JUSTID')
end
redis.call('XGROUP', 'DELCONSUMER', jobs, group, me)
"""
"""ARGV: consumer, milliseconds of a lease, the START whose answer is not known, ids that were begun.

What it gives back, it has not done: that start does not count.
"""

TIDY = f"""{_HEAD}
for place = 3, #ARGV do
  bury(ARGV[place], 'its entry was deleted, by hand or by trimming, before it was done')
end
for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', jobs, group)) do
  local about = {{}}
  for place = 1, #consumer, 2 do about[consumer[place]] = consumer[place + 1] end
  if about.pending == 0 and about.idle > tonumber(ARGV[2]) and about.name ~= me and about.name ~= returned then
    redis.call('XGROUP', 'DELCONSUMER', jobs, group, about.name)
  end
end
"""
"""ARGV: consumer, milliseconds after which a consumer with nothing pending is forgotten, ids whose entries are gone."""
