-- For wrk: no two requests of a run ask for the same page of the list. START= is where the bound begins.
local paths = { ours = "/?price=token&context_length_min=%d&sort=%s", plain = "/page?least=%d&sort=%s" }
local sorts = { "prompt_price", "-created", "-context_length", "name" }
local start = tonumber(os.getenv("START") or "0")
local threads, sent = 0, 0

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

function request()
  local turn = sent * 2 + number
  sent = sent + 1
  local path = string.format(paths[os.getenv("PAGES") or "ours"], start * 1000 + math.floor(turn / 4) + 1, sorts[turn % 4 + 1])
  return wrk.format("GET", path, { ["Accept-Encoding"] = "br, gzip" })
end
