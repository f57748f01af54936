import { client } from "./hey/client.gen.js";
import { estimateCost, listModels } from "./hey/index.js";

export async function use(address: string) {
  client.setConfig({ baseUrl: address });
  const ids: string[] = [];
  let cursor: string | null | undefined;
  let total = 0;
  do {
    const query = { gateway: "portkey" as const, limit: 500, ...(cursor ? { cursor } : {}) };
    const { data, error } = await listModels({ query });
    if (!data) throw new Error(JSON.stringify(error));
    total = data.total;
    for (const offer of data.data) if (offer.id) ids.push(offer.id);
    cursor = data.next_cursor;
  } while (cursor);
  const { data, error } = await estimateCost({
    body: { workload: { input_tokens: 1_000_000, output_tokens: "250000" }, limit: 3 },
  });
  if (!data) throw new Error(JSON.stringify(error));
  return { total, ids, costs: data.data.map((offer) => offer.total) };
}
