-- What wrk sends and reports. Arguments after `--`: what (get, get_any, put), a prefix of ids, how many ids.
-- get: the URL as it stands. get_any: PATH/PREFIX%08d for a random number. put: a new document for each request.

local body

function init(args)
  local what, prefix, count = args[1], args[2], tonumber(args[3])
  local base, sent = wrk.path, 0
  math.randomseed(20)
  if what == "get_any" then
    request = function()
      return wrk.format("GET", base .. "/" .. prefix .. string.format("%08d", math.random(0, count - 1)))
    end
  elseif what == "put" then
    body = os.getenv("BENCH_BODY")
    wrk.headers["Content-Type"] = "application/json"
    request = function()
      sent = sent + 1
      return wrk.format("PUT", base .. "/" .. prefix .. string.format("%08d", sent), nil, body)
    end
  end
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"seconds":%.6f,"failed":%d,"p50_ms":%.3f,"p99_ms":%.3f,"max_ms":%.3f}\n',
    summary.requests, summary.duration / 1e6,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3))
end
