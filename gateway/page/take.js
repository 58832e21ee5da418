// Formats by what they are for, the download, and the commands.

import { $, button, copyButton, counted, el, fill, number, size } from "./dom.js";
import { Refused, root, shownRoot, spool } from "./api.js";
import { commands, here } from "./commands.js";
import { download, native, ticketOf } from "./download.js";
import { preview } from "./preview.js";
import { hasVariants } from "./state.js";

/** A size: that of a kept file is exact, others are estimates, by counts that may be lower bounds. */
export const sized = ({ bytes, basis, rough }) =>
  bytes === null || bytes === undefined
    ? "size unknown"
    : `${basis === "complete" ? "" : rough ? "at least " : "about "}${size(bytes)}`;

const GROUPS = [
  { name: "Segments", entities: ["variants"], one: "variant" },
  { name: "Profiles", entities: ["analyses", "frequencies"] },
  { name: "Samples", entities: ["biosamples", "individuals"], one: "sample" },
];

/** The formats of an estimate that hold what is wanted, each with a `key` of its own. */
export function offered(estimate, state) {
  // The first entity of an output has its plain word, whether it is offered now or not: a word never changes its meaning.
  const first = new Map(estimate.formats.map((each) => [each.output, each.entity]).reverse());
  return estimate.formats
    .filter((each) => each.url && (each.entity !== "variants" || !hasVariants(state) || each.whole === (state.scope === "samples")))
    .map((each) => {
      const key = first.get(each.output) === each.entity ? each.output : `${each.output}:${each.entity}`;
      const { exact } = each.entity !== "variants" ? estimate.samples : each.whole ? estimate.variants : estimate.matchedVariants;
      const packed = each.packed && { ...each.packed, rough: !exact };
      return { ...each, key, packed, rough: !exact };
    });
}

const WHY = "Asked for samples, these hold the samples' own records: take “only the variants that match” to have them.";

/** What formats are called that there are of the variants that match, but not of all variants of their samples. */
const unoffered = ({ formats }) => {
  const some = formats.filter((each) => each.entity === "variants");
  return some.filter((each) => !some.some((other) => other.whole && other.output === each.output)).map((each) => each.label);
};

/** The format that is chosen, or the first. */
export const chosen = (formats, state) => {
  const word = state.output.replace(/\.gz$/, "");
  return formats.find((each) => each.key === word) ?? formats[0];
};

export const packs = (state) => state.output.endsWith(".gz");

/** The section; `changed` is called after a change of the choice, `failed` with what went wrong. */
export function take(state, { changed, failed }) {
  const tickets = new Map();
  let tool = "wget";
  let open = false; // the commands
  let running = null; // the download

  for (const radio of document.getElementsByName("scope"))
    radio.addEventListener("change", () => {
      state().scope = radio.value;
      changed();
    });

  const choice = (format, now) =>
    el(
      "label",
      { class: "format" },
      el("input", {
        type: "radio",
        name: "output",
        value: format.key,
        checked: format === now,
        onchange: () => {
          state().output = format.key + (packs(state()) && format.packed ? ".gz" : "");
          changed();
        },
      }),
      el("span", { class: "what" }, format.purpose || format.label),
      el("span", { class: "more" }, format.label),
      el("span", { class: "size" }, sized(format)),
    );

  const group = ({ name, entities, one }, formats, now) => {
    const own = formats.filter((each) => entities.includes(each.entity));
    const rows = own[0]?.rows;
    const many = one && rows ? (own[0].rough ? "at least " : "") + counted(rows, one) : "";
    return own.length
      ? el("div", {}, el("h3", {}, name, " ", el("span", { class: "count" }, many)), own.map((each) => choice(each, now)))
      : null;
  };

  // --- the file

  const file = (format) =>
    packs(state()) && format.packed ? { ...format, ...format.packed, rows: format.rows } : format;

  const ticketFor = (url) => {
    if (!tickets.has(url)) {
      tickets.clear(); // one at a time: data may have changed since
      const asked = ticketOf(url);
      asked.catch(() => tickets.delete(url));
      tickets.set(url, asked);
    }
    return tickets.get(url);
  };

  const begin = async (format, box) => {
    if (!$("form").reportValidity()) return; // a text that is not in the choice
    const made = file(format);
    if (!spool) return native(new URL(made.url, root));
    const controller = new AbortController();
    const bar = el("progress", { "aria-label": "Download" });
    const text = el("span", { role: "status" }, "Asking for the file …");
    const stop = button("quiet", "Stop", () => controller.abort());
    fill(box, bar, text, stop);
    const main = $("download");
    main.disabled = true;
    running = controller;
    const end = (content, kind) => {
      fill(box, el("p", { class: kind, role: "status", id: "downloaded" }, content));
      main.disabled = false;
      running = null;
    };
    try {
      const sentence = await download(
        { url: made.url, expected: made.bytes, rows: format.rows },
        {
          signal: controller.signal,
          tell: ({ text: said, done, of }) => {
            text.textContent = said;
            if (of) {
              bar.max = Math.max(of, done);
              bar.value = done;
            }
          },
        },
      );
      end(sentence, "done");
    } catch (error) {
      if (error.name === "AbortError") return end("Stopped.", "dim");
      if (error instanceof Refused && error.status === 507) {
        native(new URL(made.url, root));
        return end("The server cannot keep this file: your browser gets it directly.", "dim");
      }
      end(["This did not work: ", error.message, ". ", error.passing ? "Try again in a moment." : ""], "warn");
    }
  };

  // --- commands

  const lines = async (format, box) => {
    const made = file(format);
    let ticket = null;
    try {
      if (spool) ticket = await ticketFor(made.url);
    } catch (error) {
      if (error.status !== 507 && error.status !== 400) {
        fill(box, el("p", { class: "warn" }, `There is no lasting address now: ${error.message}.`));
        if (error.passing) failed(error);
        return;
      }
    }
    if (!open) return;
    const all = commands({ ...format, ...made, output: format.output }, ticket, state());
    const now = all.find((each) => each.name === tool) ?? all[0];
    const code = el("code", {}, now.text);
    const address = ticket ? new URL(here(ticket.address).href.slice(root.href.length), shownRoot).href : "";
    fill(
      box,
      ticket
        ? el(
            "p",
            { class: "address" },
            el("label", { for: "address" }, "Address of this file"),
            el("input", { id: "address", readonly: true, value: address, onfocus: (event) => event.target.select() }),
            copyButton(() => address, "Copy the address"),
          )
        : el("p", { class: "hint" }, "This server keeps no files, so these lines use the live URL: the data it gives may change."),
      el(
        "div",
        { class: "switch", role: "radiogroup", "aria-label": "Tool" },
        all.map((each) =>
          el(
            "label",
            {},
            el("input", {
              type: "radio",
              name: "tool",
              value: each.name,
              checked: each === now,
              onchange: async () => {
                tool = each.name;
                await lines(format, box);
                box.querySelector(`input[value="${CSS.escape(tool)}"]`)?.focus();
              },
            }),
            el("span", {}, each.name),
          ),
        ),
      ),
      el("div", { class: "code" }, el("pre", { tabindex: "0", id: "command", "data-tool": now.name }, code), copyButton(() => now.text)),
      now.note ? el("p", { class: "hint" }, now.note) : null,
      ticket
        ? el(
            "p",
            { class: "hint" },
            "This address always means these very bytes: it may be used tomorrow, on another machine, or in a paper. " +
              "When the data behind it have changed it says so, and leads to the new file.",
          )
        : null,
    );
  };

  const panel = (format) => {
    const box = el("div", { id: "progress" });
    const made = file(format);
    const shown = el("div", { class: "commands" });
    const details = el("details", { id: "commands" }, el("summary", {}, "Command line, R, Python"), shown);
    details.open = open;
    details.addEventListener("toggle", () => {
      open = details.open;
      if (open) lines(format, shown);
    });
    const inside = el("details", { id: "inside" }, el("summary", {}, "The first lines of this file"), el("div"));
    inside.addEventListener("toggle", () => inside.open && preview(format, inside.lastElementChild));
    const gz = format.packed
      ? el(
          "label",
          { class: "inline" },
          el("input", {
            type: "checkbox",
            id: "packed",
            checked: packs(state()),
            onchange: (event) => {
              state().output = format.key + (event.target.checked ? ".gz" : "");
              changed();
            },
          }),
          ` compressed (${sized(format.packed)})`,
        )
      : null;
    fill(
      $("get"),
      el(
        "div",
        { class: "row" },
        button("main", `Download ${format.label}`, () => begin(format, box), { id: "download" }),
        el("span", { class: "dim" }, sized(made)),
        gz,
      ),
      spool ? null : el("p", { class: "hint" }, "This server keeps no files: a download that breaks has to be begun again."),
      box,
      details,
      inside,
    );
  };

  let drawn = "";
  /** Show what there is of an estimate; null where it was refused. */
  return (estimate) => {
    const now = state();
    $("scope").hidden = !hasVariants(now);
    for (const radio of document.getElementsByName("scope")) radio.checked = radio.value === now.scope;
    const formats = estimate ? offered(estimate, now) : [];
    if (!formats.length || isEmpty(estimate)) {
      drawn = "";
      running?.abort();
      fill($("outputs"), el("legend", { class: "sr" }, "What for"), el("p", { class: "dim" }, nothing(estimate)));
      fill($("get"));
      $("unoffered").textContent = "";
      return;
    }
    const hidden = hasVariants(now) && now.scope === "samples" ? unoffered(estimate) : [];
    $("unoffered").textContent = hidden.length ? `Not of all segments: ${hidden.join(", ")}. ${WHY}` : "";
    const format = chosen(formats, now);
    const focused = document.activeElement?.name === "output";
    fill($("outputs"), el("legend", { class: "sr" }, "What for"), GROUPS.map((each) => group(each, formats, format)));
    if (focused) $("outputs").querySelector("input:checked")?.focus();
    const made = file(format);
    const what = JSON.stringify([made.url, made.bytes, estimate.dataVersion]);
    if (what === drawn) return;
    drawn = what;
    running?.abort();
    const { id } = document.activeElement ?? {};
    panel(format);
    if (id === "packed") $("packed")?.focus();
  };
}

/** Whether it is known that nothing matches; what is not counted to its end is not. */
export const isEmpty = ({ samples }) => samples.count === 0 && samples.exact;

const nothing = (estimate) => {
  if (!estimate) return "There is no file of this.";
  if (isEmpty(estimate)) return "No sample matches: there is no file.";
  if (estimate.granularity === "count") return "Of this dataset you may see numbers only. Files need an access token.";
  if (estimate.granularity === "boolean") return "Of this dataset you may see only whether there is anything. Files need an access token.";
  return "There is no file of this.";
};
