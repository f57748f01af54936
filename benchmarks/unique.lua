-- For wrk: no two requests of a run ask for the same. Gateways, orders and sets of model types take turns, and when all
-- have had theirs, the offset moves on. START= is where the offset begins, so that no run repeats another.
local gateways = {"all", "openrouter", "featherless", "chutes"}
local sorts = {"id", "name", "-name", "-id"}
local types = {"LLM", "Image%20Generation", "Embeddings", "Other", "Video", "Content%20Moderation",
  "Music%20Generation", "Speech%20to%20Text", "Text%20to%20Speech"}
local start = tonumber(os.getenv("START") or "0")
local threads, sent = 0, 0

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

local function set_of_types(bits)
  local found = {}
  for place, name in ipairs(types) do
    if math.floor(bits / 2 ^ (place - 1)) % 2 == 1 then found[#found + 1] = name end
  end
  return table.concat(found, ",")
end

function request()
  local turn = sent * 2 + number
  sent = sent + 1
  return wrk.format("GET", string.format(
    "/catalog/models?gateway=%s&sort=%s&model_type=%s&limit=20&offset=%d",
    gateways[turn % 4 + 1],
    sorts[math.floor(turn / 4) % 4 + 1],
    set_of_types(math.floor(turn / 16) % 511 + 1),
    start + math.floor(turn / 8176)))
end
