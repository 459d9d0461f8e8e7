// The live feed. fetch in place of EventSource, whose errors carry neither a status nor the reason.

const GAPS_MS = [500, 1000, 2000, 5000];

// Follow changes on these phones: `on(name, data)` for each event, `state(word, text)` when the connection changes.
// Returns a function that ends it.
export function follow(phones, { on, state }) {
  const stop = new AbortController();
  run(phones, { on, state, signal: stop.signal });
  return () => stop.abort();
}

async function run(phones, { on, state, signal }) {
  for (let failures = 0; !signal.aborted; failures += 1) {
    try {
      const response = await fetch(`live?phones=${phones.join(",")}`, { signal, cache: "no-store" });
      if (response.ok) {
        await read(response.body, (name, data) => {
          if (name === "hello") {
            failures = 0;
            state("live", "Live");
          }
          on(name, data);
        });
        if (!signal.aborted) state("broken", "Connection lost, trying again…");
      } else {
        const refusal = await response.json().catch(() => ({}));
        state("broken", refusal.message ?? `The sandbox answered ${response.status}.`);
      }
    } catch {
      if (!signal.aborted) state("broken", "The sandbox does not answer, trying again…");
    }
    if (!signal.aborted) await pause(GAPS_MS[Math.min(failures, GAPS_MS.length - 1)], signal);
  }
}

async function read(stream, on) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const lines = text.slice(0, end).split("\n");
      text = text.slice(end + 2);
      const name = lines.find((line) => line.startsWith("event: "))?.slice(7);
      const data = lines.find((line) => line.startsWith("data: "))?.slice(6);
      if (name && data) on(name, JSON.parse(data));
    }
  }
}

function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}
