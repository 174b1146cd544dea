-- Asks for addresses of a file in random order, for wrk; prints one line of a table.
-- usage: wrk … --script read.lua URL -- FILE KEY

local addresses, thread_count = {}, 0

function setup(thread)
  thread_count = thread_count + 1
  thread:set("number", thread_count)
end

function init(arguments)
  for line in io.lines(arguments[1]) do
    addresses[#addresses + 1] = line
  end
  wrk.headers["Authorization"] = "Bearer " .. arguments[2]
  math.randomseed(number)
end

function request()
  return wrk.format("GET", addresses[math.random(#addresses)])
end

function done(summary, latency, _)
  local milliseconds = function(part) return string.format("%.1f ms", latency:percentile(part) / 1000) end
  local errors = summary.errors
  print(string.format("row| %.0f | %s | %s | %s | %d |", summary.requests / summary.duration * 1e6, milliseconds(50),
    milliseconds(95), milliseconds(99), errors.status + errors.connect + errors.read + errors.write + errors.timeout))
end
