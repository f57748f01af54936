// Portkey 1.15.2 appends to the headers of what fetch returns, and current versions of node forbid that: without this,
// each of its streams is an error 500. Load it before the gateway: node --import ./mutable.mjs
const original = globalThis.fetch;

globalThis.fetch = async (...request) => {
  const answer = await original(...request);
  const { status, statusText } = answer;
  const body = [204, 205, 304].includes(status) ? null : answer.body;
  return new Response(body, { status, statusText, headers: new Headers(answer.headers) });
};
