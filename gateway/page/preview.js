// The first lines of a file, as they are: no more is read than what is shown.

import { el, fill } from "./dom.js";
import { request } from "./api.js";

const LINES = 10;
const COMMENTS = 4;
const WIDE = 240;

/** The first lines of what a live URL gives, and whether there are more. */
async function firstLines(url) {
  const controller = new AbortController();
  const output = new URL(url, location.href).searchParams.get("output");
  const row = document.querySelector(`tr[data-output="${CSS.escape(output)}"]`);
  const address = row?.dataset.pages === "true" ? `${url}&limit=${LINES}` : url; // others have no pages
  const response = await request(address, { signal: controller.signal });
  const media = response.headers.get("Content-Type") ?? "";
  if (!/^text\/|json|vnd\.arrow|parquet|octet/.test(media) || /arrow|parquet|octet|gzip/.test(media)) {
    controller.abort();
    return null;
  }
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  let lines = [];
  let ended = false;
  while (!ended && data(lines).length <= LINES + 1 && text.length < 4e6) {
    const piece = await reader.read();
    ended = piece.done;
    text += piece.value ?? "";
    lines = text.split("\n");
  }
  controller.abort();
  if (!ended) lines.pop();
  return lines.filter((line, at) => line !== "" || at < lines.length - 1);
}

const isComment = (line) => line.startsWith("#") && !line.startsWith("#CHROM");
const data = (lines) => lines.filter((line) => !isComment(line));
const cut = (line) => (line.length > WIDE ? `${line.slice(0, WIDE)} …` : line);

/** Show the first lines of a format's file. */
export async function preview({ url }, where) {
  fill(where, el("p", { class: "dim" }, "Reading …"));
  try {
    const lines = await firstLines(url);
    if (!lines) return fill(where, el("p", { class: "dim" }, "A binary file; the commands above show how it is read."));
    const comments = lines.filter(isComment);
    const shown = [
      ...comments.slice(0, COMMENTS).map(cut),
      ...(comments.length > COMMENTS ? [`… (${comments.length - COMMENTS} more lines that begin with #)`] : []),
      ...data(lines).slice(0, LINES + 1).map(cut),
    ];
    fill(where, el("pre", { class: "lines", tabindex: "0", "aria-label": "First lines" }, shown.join("\n")));
  } catch (error) {
    fill(where, el("p", { class: "warn" }, `They cannot be shown: ${error.message}.`));
  }
}
