-- wrk's requests for assignments: a session that nobody has seen before in every one of them.
-- Arguments (after --): the server key, a word that no other run has.
-- At the end a line of JSON says how many were answered, in how many seconds, and what went wrong.

local threads = 0

function setup(thread)
  threads = threads + 1
  thread:set("number", threads)
end

function init(args)
  head = "POST /v1/assignments HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " .. args[1] ..
    "\r\nContent-Type: application/json\r\nContent-Length: "
  mark, sent = args[2], 0
end

function request()
  sent = sent + 1
  local body = string.format('{"surface":"search-uk","session":"%s-%d-%09d","expose":true}', mark, number, sent)
  return head .. #body .. "\r\n\r\n" .. body
end

function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('\n{"answered":%d,"seconds":%.6f,"refused":%d,"broken":%d}\n',
    summary.requests, summary.duration / 1e6, e.status, e.connect + e.read + e.write + e.timeout))
end
