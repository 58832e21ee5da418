// A download in the page: the ticket is followed while the file is made, then its bytes are counted and compared.

import { el, number, size } from "./dom.js";
import { Refused, hasToken, json, request } from "./api.js";
import { here } from "./commands.js";

const IN_PAGE = 100e6; // bytes; what is larger, or may be, is left to the browser, which writes to the disk as they come
const TRIES = 6;

const pause = (milliseconds, signal) =>
  new Promise((resolve, reject) => {
    const stop = () => reject(new DOMException("", "AbortError"));
    if (signal.aborted) return stop();
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => (clearTimeout(timer), stop()), { once: true });
  });

/** Let the browser download an address by itself. */
export function native(url, name = "") {
  const link = el("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
}

function save(blob, name) {
  const url = URL.createObjectURL(blob);
  native(url, name);
  setTimeout(() => URL.revokeObjectURL(url), 60000);
}

/** The ticket of a live URL; starts the export. */
export const ticketOf = (url, options) => json(`${url}${url.includes("?") ? "&" : "?"}ticket=true`, options);

/** Ask a ticket again and again until the export is complete or failed; `tell` gets each state. */
async function made(ticket, { signal, tell, enough }) {
  let now = ticket;
  let wait = 250;
  while (now.state === "producing" && !enough(now)) {
    tell(now);
    await pause(wait, signal);
    wait = Math.min(wait * 1.5, 2000);
    try {
      now = await json(here(now.self), { signal, cache: "no-store" });
    } catch (error) {
      if (!error.passing) throw error; // else it is asked again, as long as the page is open
    }
  }
  if (now.state === "failed") throw new Refused(now.error.status, now.error.message);
  return now;
}

/** The bytes of a complete export; goes on where the connection broke. */
async function bytes(ticket, { signal, tell }) {
  const parts = [];
  let count = 0;
  for (let tries = 0; count < ticket.size || !parts.length; tries += 1) {
    try {
      const headers = count ? { Range: `bytes=${count}-`, "If-Range": ticket.etag } : {};
      const response = await request(here(ticket.address), { signal, headers });
      if (count && response.status !== 206) {
        parts.length = 0;
        count = 0;
      }
      const reader = response.body.getReader();
      for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
        parts.push(piece.value);
        count += piece.value.length;
        tries = 0;
        tell(count);
      }
      if (!ticket.size) break;
    } catch (error) {
      if (error.name === "AbortError" || tries >= TRIES || (error instanceof Refused && !error.passing)) throw error;
      await pause(1000 * 2 ** tries, signal);
    }
  }
  return new Blob(parts, { type: "application/octet-stream" });
}

async function compared(blob, wanted) {
  if (!globalThis.crypto?.subtle) return null; // browsers have it for https alone
  const found = await crypto.subtle.digest("SHA-256", await blob.arrayBuffer());
  return [...new Uint8Array(found)].map((byte) => byte.toString(16).padStart(2, "0")).join("") === wanted;
}

/**
 * Download a file of a format.
 *
 * `tell({text, done, of})` hears how far it is; the promise is a last sentence.  Raises Refused, or AbortError.
 */
export async function download({ url, expected, rows }, { signal, tell }) {
  const ticket = await ticketOf(url, { signal });
  const inPage = hasToken() ? Infinity : IN_PAGE;
  const large = () => (expected ?? 0) > inPage;
  const enough = (now) => large() || now.bytes > inPage;
  const of = rows || undefined;
  const making = (now) =>
    tell({ text: `Being made: ${number(now.rows)} rows${of ? ` of about ${number(of)}` : ""}, ${size(now.bytes)}`, done: now.rows, of });
  const now = await made(ticket, { signal, tell: making, enough });
  if (now.state === "producing" || now.size > inPage) {
    native(here(now.address), now.name);
    if (now.state === "producing") {
      const kept = await made(now, { signal, tell: making, enough: () => false });
      return `${kept.name} is complete on the server: ${number(kept.rows)} rows, ${size(kept.size)}. Your browser shows how far it has come.`;
    }
    return `${now.name}, ${size(now.size)}: your browser downloads it, and can resume.`;
  }
  const blob = await bytes(now, {
    signal,
    tell: (count) => tell({ text: `${size(count)} of ${size(now.size)}`, done: count, of: now.size }),
  });
  if (blob.size !== now.size) throw new Refused(0, `${number(blob.size)} bytes came, not ${number(now.size)}`);
  const same = await compared(blob, now.sha256);
  if (same === false) throw new Refused(0, "the bytes that came are not those that were sent: their SHA-256 differs");
  save(blob, now.name);
  return `${now.name}: ${number(now.rows)} rows, ${size(now.size)}${same ? ", SHA-256 compared" : ""}.`;
}
