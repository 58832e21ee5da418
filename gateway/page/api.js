// Questions to the gateway, relative to its root; and what is done while it, or its database, is away.

import { $, fill, el } from "./dom.js";

const page = document.documentElement.dataset;

/** The gateway's root, as this page reaches it. */
export const root = new URL(page.root, location.href.split(/[?#]/)[0]);
/** The root as others are told of it. */
export const shownRoot = page.public ? new URL(`${page.public.replace(/\/+$/, "")}/`) : root;
export const spool = page.spool === "true";
export const restricted = page.restricted === "true";

let token = "";
export const hasToken = () => token !== "";
export function setToken(text) {
  token = text.trim();
}

export class Refused extends Error {
  constructor(status, message, wait = 0) {
    super(message);
    this.status = status;
    this.wait = wait;
  }

  /** Whether it may well be answered later. */
  get passing() {
    return this.status === 0 || this.status === 429 || this.status === 502 || this.status === 503 || this.status === 504;
  }
}

/** The response to a request below the root; Refused where it is none that was hoped for. */
export async function request(path, options = {}) {
  const headers = { ...options.headers, ...(token ? { Authorization: `Bearer ${token}` } : {}) };
  let response;
  try {
    response = await fetch(new URL(path, root), { ...options, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, "the server does not answer");
  }
  if (response.ok) return response;
  let message = response.statusText || `status ${response.status}`;
  try {
    const { error, reason } = await response.json();
    message = error?.errorMessage ?? reason ?? message;
  } catch {
    // no envelope of ours: something between has answered
  }
  throw new Refused(response.status, message, Number(response.headers.get("Retry-After")) || 0);
}

export async function json(path, options) {
  const response = await request(path, options);
  try {
    return await response.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, "the answer broke off");
  }
}

// --- away

let waiting = 0;
let again = [];

/** Say that it is away, and call `back` once it is there; asks every 1, 2, 4 … at most 15 seconds. */
export function away(error, back) {
  again.push(back);
  if (waiting) return;
  let wait = Math.max(1, Math.min(error.wait, 15));
  const what =
    error.status === 0
      ? "The server does not answer. Maybe the network is down."
      : `The database, or the server, cannot answer now: ${error.message}.`;
  fill($("away"), el("p", {}, what, " This page goes on by itself when it is back."));
  $("away").hidden = false;
  document.documentElement.classList.add("away");
  const ask = async () => {
    try {
      await request("gateway/ready", { cache: "no-store" });
    } catch (refused) {
      if (!(refused instanceof Refused) || refused.passing) {
        wait = Math.min(wait * 2, 15);
        waiting = setTimeout(ask, wait * 1000);
        return;
      }
    }
    waiting = 0;
    $("away").hidden = true;
    document.documentElement.classList.remove("away");
    const calls = again;
    again = [];
    for (const call of new Set(calls)) call();
  };
  waiting = setTimeout(ask, wait * 1000);
}
