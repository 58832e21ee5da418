// What the data are, what the server does now, and formats by example.

import { $, ago, button as make, counted, el, fill, number, size } from "./dom.js";
import { json, request } from "./api.js";
import { preview } from "./preview.js";
import { narrows, query, selection } from "./state.js";

const EVERY = 10000; // milliseconds

const item = (term, text) => (text ? [el("dt", {}, term), el("dd", {}, text)] : []);

/** Show licence, citation, counts and data version of the dataset that is chosen; returns all datasets. */
export async function about(state) {
  const { datasets } = await json("gateway/datasets");
  const one = datasets.find((each) => each.id === state.dataset) ?? datasets.find((each) => each.default) ?? datasets[0];
  if (!one) {
    fill($("about"), item("Dataset", "none that can be seen without an access token"));
    return datasets;
  }
  const { counts } = one;
  fill(
    $("about"),
    item("Dataset", one.name || one.id),
    counts
      ? item(
          "Holds",
          [
            counted(counts.samples ?? 0, "sample"),
            counted(counts.individuals ?? 0, "individual"),
            counted(counts.analyses ?? 0, "analysis", "analyses"),
            counted(counts.variants ?? 0, "variant"),
          ].join(", "),
        )
      : [],
    item("Assembly", one.assembly),
    one.dataVersion ? [el("dt", {}, "Data version"), el("dd", {}, el("code", { title: one.dataVersion }, one.dataVersion.slice(0, 12)))] : [],
    item("Licence", one.licence || "not stated"),
    item("Citation", one.citation || "not stated by who runs this server"),
  );
  return datasets;
}

/** Show what is being made and kept, again and again while the page is seen; `failed` hears when the database is away. */
export function running(failed) {
  const show = async () => {
    if (document.hidden || document.documentElement.classList.contains("away")) return;
    try {
      await request("gateway/ready", { cache: "no-store" });
    } catch (error) {
      if (error.passing && error.status !== 429) failed(error); // now, not when somebody wants a file
      return;
    }
    try {
      const { spool, exports, complete } = await json("gateway/running", { cache: "no-store" });
      if (!spool) return fill($("running"), el("p", {}, "This server keeps no files: each download is read from the database anew."));
      const files = exports.filter((each) => !each.output.endsWith("plot")); // pictures of this page are none
      const rows = files.slice(0, 6).map((each) =>
        el(
          "tr",
          {},
          el("td", {}, el("code", {}, each.output + (each.packed ? ".gz" : ""))),
          el("td", { class: "n" }, each.rows === null ? "" : number(each.rows)),
          el("td", { class: "n" }, size(each.bytes)),
          el("td", {}, each.state === "producing" ? `being made for ${ago(each.age)}` : `${ago(each.age)} old`),
        ),
      );
      fill(
        $("running"),
        el("p", {}, `${counted(complete.number, "file")} kept, ${size(complete.bytes)}: these come at once.`),
        rows.length
          ? el(
              "table",
              { "aria-labelledby": "running-title" },
              el("thead", {}, el("tr", {}, ["format", "rows", "size", "state"].map((name) => el("th", { scope: "col" }, name)))),
              el("tbody", {}, rows),
            )
          : null,
      );
    } catch {
      // it is asked again soon
    }
  };
  show();
  setInterval(show, EVERY);
  document.addEventListener("visibilitychange", show);
}

/** Put a button into each row of the table of formats that shows ten real lines. */
export function examples(state) {
  for (const row of $("format-table").tBodies[0].rows) {
    const link = row.querySelector("a");
    const show = () => {
      const old = row.nextElementSibling?.classList.contains("example") ? row.nextElementSibling : null;
      if (old) {
        old.remove();
        return button.setAttribute("aria-expanded", "false");
      }
      button.setAttribute("aria-expanded", "true");
      const cell = el("td", { colspan: "3" });
      row.after(el("tr", { class: "example" }, cell));
      const url = link.getAttribute("href").replace(/^\.\.?\//, "");
      const chosen = narrows(state()) && !/collations|cohorts|datasets/.test(url);
      const own = chosen ? url.replace("filters=NCIT:C3058", query(selection(state()))) : url;
      preview({ url: own }, cell);
    };
    const button = make("quiet", "ten lines", show, { "aria-expanded": "false" });
    row.cells[2].append(" ", button);
  }
}
