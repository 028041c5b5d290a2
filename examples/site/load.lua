-- load.lua - what wrk asks of the demo site; see load.sh, which runs it.
--
-- Arguments: file of package names; number of visitors; on or off: the cache. Visitors send their
-- cookie, as people do. Every run asks for the same pages in the same order. The last line printed
-- is for load.sh to read.

local requests = {}

function init(args)
  local names, visitors, cache = {}, tonumber(args[2]), args[3]
  for name in io.lines(args[1]) do names[#names + 1] = name end
  for _, name in ipairs(names) do
    for visitor = 1, visitors do
      local cookie = "visitor=" .. visitor .. "; cache=" .. cache
      requests[#requests + 1] = wrk.format("GET", "/package/" .. name, { Cookie = cookie })
    end
  end
  math.randomseed(4711)
end

function request()
  return requests[math.random(#requests)]
end

function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  print(string.format("RESULT %.2f %.3f %.3f %d", summary.requests / summary.duration * 1e6,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, failed))
end
