-- wrk's requests for outcomes: the bodies of a file, one a line, each once, shared out among the threads.
-- Arguments (after --): the server key, the file, the number of threads.
-- At the end a line of JSON says how many were answered, in how many seconds, and what went wrong.

local threads = 0

function setup(thread)
  threads = threads + 1
  thread:set("number", threads)
end

function init(args)
  head = "POST /v1/outcomes HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " .. args[1] ..
    "\r\nContent-Type: application/json\r\nContent-Length: "
  bodies, sent = {}, 0
  local at, all = 0, tonumber(args[3])
  for line in io.lines(args[2]) do
    at = at + 1
    if at % all == number % all then
      bodies[#bodies + 1] = line
    end
  end
end

function request()
  sent = sent + 1
  if sent > #bodies then
    error("the bodies are used up; make more of them")
  end
  return head .. #bodies[sent] .. "\r\n\r\n" .. bodies[sent]
end

function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('\n{"answered":%d,"seconds":%.6f,"refused":%d,"broken":%d}\n',
    summary.requests, summary.duration / 1e6, e.status, e.connect + e.read + e.write + e.timeout))
end
