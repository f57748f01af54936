// OpenAI's SDK for JavaScript, and Vercel's AI SDK with its provider for APIs like OpenAI's.
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, embed, generateText, Output, stepCountIs, streamText, tool } from "ai";
import OpenAI from "openai";
import { z } from "zod";

const MODEL = "deepseek/deepseek-r1";
const DOWN = "chutes/deepseek-ai/DeepSeek-R1"; // an offer of a gateway that is down
const KEY = process.env.INFER_KEY;
const messages = [{ role: "user", content: "Call it with 3." }];
const parameters = { type: "object", properties: { input: { type: "integer" } }, required: ["input"] };
const tools = [{ type: "function", function: { name: "magic", parameters } }];

const openai = (address) => new OpenAI({ baseURL: `${address}/v1`, apiKey: KEY, maxRetries: 0 });
const gatewayz = (address) =>
  createOpenAICompatible({
    name: "gatewayz",
    baseURL: `${address}/v1`,
    apiKey: KEY,
    includeUsage: true,
    supportsStructuredOutputs: true,
  });

// --- OpenAI's SDK ---------------------------------------------------------------------------------------------------
export async function openai_ask(address) {
  const { data, response } = await openai(address).chat.completions.create({ model: MODEL, messages }).withResponse();
  return {
    text: data.choices[0].message.content,
    total: data.usage.total_tokens,
    cost: response.headers.get("gatewayz-cost"),
  };
}

export async function openai_stream(address) {
  const stream = await openai(address).chat.completions.create({
    model: MODEL,
    messages,
    stream: true,
    stream_options: { include_usage: true },
  });
  let text = "";
  let usage = null;
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta.content ?? "";
    usage = chunk.usage ?? usage;
  }
  return { text, total: usage.total_tokens, cost: usage.cost };
}

export async function openai_tool(address) {
  const runner = openai(address).chat.completions.stream({ model: MODEL, messages, tools });
  const { tool_calls } = (await runner.finalChatCompletion()).choices[0].message;
  return [tool_calls[0].function.name, tool_calls[0].function.arguments];
}

export async function openai_embed(address) {
  const found = await openai(address).embeddings.create({ model: "openai/text-embedding-3-small", input: "one" });
  return [found.data[0].embedding.length, found.usage.total_tokens];
}

export async function openai_errors(address) {
  const found = {};
  for (const [name, model] of [["unknown model", "nobody/nothing"], ["gateway down", DOWN]]) {
    try {
      await openai(address).chat.completions.create({ model, messages });
    } catch (error) {
      found[name] = [error.constructor.name, error.status, error.type];
    }
  }
  return found;
}

// --- Vercel's AI SDK ------------------------------------------------------------------------------------------------
export async function vercel_ask(address) {
  const { text, usage, finishReason } = await generateText({ model: gatewayz(address)(MODEL), messages });
  return { text, total: usage.totalTokens, finishReason };
}

export async function vercel_stream(address) {
  const result = streamText({ model: gatewayz(address)(MODEL), messages });
  let text = "";
  for await (const piece of result.textStream) text += piece;
  return { text, total: (await result.usage).totalTokens, finishReason: await result.finishReason };
}

export async function vercel_tool(address) {
  const magic = tool({ inputSchema: z.object({ input: z.number().int() }), execute: ({ input }) => input + 2 });
  const model = gatewayz(address)(MODEL);
  const { text, steps } = await generateText({ model, messages, tools: { magic }, stopWhen: stepCountIs(3) });
  return { text, calls: steps[0].toolCalls.map((call) => [call.toolName, call.input]) };
}

export async function vercel_object(address) {
  const schema = z.object({ name: z.string(), age: z.number().int() });
  const model = gatewayz(address)(MODEL);
  return (await generateText({ model, output: Output.object({ schema }), prompt: "'Ada' is 36" })).output;
}

export async function vercel_embed(address) {
  const model = gatewayz(address).embeddingModel("openai/text-embedding-3-small");
  const { embedding, usage } = await embed({ model, value: "one" });
  return [embedding.length, usage.tokens];
}

export async function vercel_error(address) {
  try {
    await generateText({ model: gatewayz(address)(DOWN), messages, maxRetries: 0 });
  } catch (error) {
    return [APICallError.isInstance(error), error.statusCode, error.isRetryable, JSON.parse(error.responseBody).error.code];
  }
}
