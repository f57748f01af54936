-- For wrk: no two requests of a run search for the same. Pairs of words that people type take turns with numbers of
-- rows, and when all have had theirs, the offset moves on. START= is where the offset begins.
local words = {"deepseek", "qwen", "llama", "gpt", "claude", "gemini", "mistral", "kimi", "glm", "gemma", "phi", "r1",
  "instruct", "coder", "mini", "flash", "pro", "70b", "32b", "8b", "vision", "chat", "thinking", "nemo", "deep", "mist",
  "lama", "sonnet", "turbo", "preview"}
local start = tonumber(os.getenv("START") or "0")
local threads, sent = 0, 0

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

function request()
  local turn = sent * 2 + number
  sent = sent + 1
  local pair = turn % (#words * #words)
  local rows = math.floor(turn / (#words * #words))
  return wrk.format("GET", string.format(
    "/catalog/models?q=%s%%20%s&limit=%d&offset=%d",
    words[math.floor(pair / #words) + 1],
    words[pair % #words + 1],
    rows % 11 + 10,
    start + math.floor(rows / 11)))
end
