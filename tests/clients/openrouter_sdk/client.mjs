// OpenRouter's own SDK for JavaScript, with nothing changed but the address.
import { OpenRouter } from "@openrouter/sdk";

const ENDLESS = 100; // more pages than any list has here

const sdk = (address) => new OpenRouter({ apiKey: "sk-or-v1-any", serverURL: `${address}/api/v1` });

export async function list_models(address) {
  const { result } = await sdk(address).models.list();
  return { total: result.totalCount, next: result.links.next, ids: result.data.map((model) => model.id) };
}

export async function page_through(address) {
  const pages = [];
  for await (const page of await sdk(address).models.list({ limit: 50 })) {
    pages.push(page.result);
    if (pages.length === ENDLESS) break;
  }
  return {
    totals: pages.map((page) => page.totalCount),
    sizes: pages.map((page) => page.data.length),
    next: pages.map((page) => page.links.next),
    ids: pages.flatMap((page) => page.data.map((model) => model.id)),
  };
}

export async function read_model(address) {
  const { data } = await sdk(address).models.get({ author: "deepseek", slug: "deepseek-r1" });
  return { id: data.id, prompt: data.pricing.prompt, context_length: data.contextLength };
}

export async function list_endpoints(address) {
  const { data } = await sdk(address).endpoints.list({ author: "deepseek", slug: "deepseek-r1" });
  return { id: data.id, endpoints: data.endpoints.map((each) => [each.providerName, each.tag, each.contextLength]) };
}

export async function count_models(address) {
  return (await sdk(address).models.count({ outputModalities: "all" })).data.count;
}

export async function list_providers(address) {
  return (await sdk(address).providers.list()).data.map((provider) => [provider.slug, provider.name]);
}
