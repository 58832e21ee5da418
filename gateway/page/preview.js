// The first lines of a file, as they are: no more is read than what is shown.

import { el, fill } from "./dom.js";
import { request } from "./api.js";

const LINES = 10;
const COMMENTS = 4;
const WIDE = 240;

/** The first lines of what a live URL gives; a sentence where it has none. */
async function firstLines(url) {
  const controller = new AbortController();
  const output = new URL(url, location.href).searchParams.get("output");
  const row = document.querySelector(`tr[data-output="${CSS.escape(output)}"]`);
  const address = row?.dataset.pages === "true" ? `${url}&limit=${LINES}` : url; // others have no pages
  const response = await request(address, { signal: controller.signal });
  const media = response.headers.get("Content-Type") ?? "";
  if (!/^text\/|json/.test(media)) {
    controller.abort();
    return media.startsWith("image/") ? "A picture, as above." : "A binary file; the lines for R and Python show how it is read.";
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
const cut = (line) => {
  const wide = line.startsWith("{") ? 5 * WIDE : WIDE;
  return line.length > wide ? `${line.slice(0, wide)} …` : line;
};

/** Ten lines of data, in their order, and of lines above them the first ones. */
function shown(lines) {
  const told = [];
  let [comments, rows] = [0, 0];
  const close = () => {
    if (comments > COMMENTS) told.push(`… (${comments - COMMENTS} more lines that begin with #)`);
    comments = 0;
  };
  for (const line of lines) {
    if (isComment(line)) {
      comments += 1;
      if (comments <= COMMENTS) told.push(cut(line));
    } else {
      close();
      if (rows > LINES) break; // a line of names, and ten
      rows += 1;
      told.push(cut(line));
    }
  }
  close();
  return told;
}

/** Show the first lines of a format's file. */
export async function preview({ url }, where) {
  fill(where, el("p", { class: "dim" }, "Reading …"));
  try {
    const lines = await firstLines(url);
    if (typeof lines === "string") return fill(where, el("p", { class: "dim" }, lines));
    fill(where, el("pre", { class: "lines", tabindex: "0", "aria-label": "First lines" }, shown(lines).join("\n")));
  } catch (error) {
    fill(where, el("p", { class: "warn" }, `They cannot be shown: ${error.message}.`));
  }
}
