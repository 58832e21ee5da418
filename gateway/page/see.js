// Pictures of the selection: drawn by the server, put into the page, read by pointer and by keyboard in readout.js.

import { $, button, el, fill, announce, counted, number } from "./dom.js";
import { request, root } from "./api.js";
import { variantsText } from "./choose.js";
import { hasVariants, narrows, query, selection } from "./state.js";
import { readable } from "./readout.js";

const CHROMOSOMES = [...Array.from({ length: 22 }, (_, at) => String(at + 1)), "X", "Y"];
const ROWS = 100; // samples of a picture
const HINT = "Point at the picture, tap on it, or use the arrow keys in it, for values.";
const TITLE = 200; // letters that a title has at most
const AT_ONCE = 10000; // samples whose histogram is drawn without a word

const included = (state) => state.terms.filter((term) => !term.excluded && !/[<>=]/.test(term.id)).map((term) => term.id);

/** The picture of a state: its address, and that of the file with what it shows; both relative to the root. */
export function addresses(state, skip) {
  const pairs = selection(state);
  const whole = narrows(state) ? [] : [["allData", "true"]];
  const look = state.chromosome ? [["plotChros", state.chromosome]] : [];
  const title = variantsText(state);
  if (state.view === "groups") {
    const groups = pairs.filter(([name]) => name === "datasetIds").concat([["filters", included(state).join(",")]]);
    const of = (output, more) => `services/intervalFrequencies?${query([...groups, ["output", output], ...more])}`;
    return { picture: of("histoplot", look), data: of("pgxfreq", []), format: "pgxfreq" };
  }
  if (title) look.push(["plotTitle", title.slice(0, TITLE)]);
  const of = (output, more) => `beacon/biosamples?${query([...pairs, ...whole, ["output", output], ...more])}`;
  if (state.view === "samples") {
    const page = [["limit", String(ROWS)], ...(skip ? [["skip", String(skip)]] : [])];
    return { picture: of("samplesplot", [...look, ...page]), data: of("pgxseg", []), format: "pgxseg" };
  }
  return { picture: of("histoplot", look), data: of("pgxfreq", []), format: "pgxfreq" };
}

/** The section; `changed` is called after a change of what is shown, `failed` with what went wrong. */
export function see(state, { changed, failed }) {
  const figure = $("figure");
  const plot = $("plot");
  let asking = new AbortController();
  let shown = ""; // the address of what is shown
  let wanted = ""; // and of what is asked for
  let skip = 0;
  let insisted = false;

  fill($("chromosome"), el("option", { value: "" }, "all"), CHROMOSOMES.map((name) => el("option", { value: name }, name)));
  const zoom = (name) => {
    state().chromosome = name;
    announce(name ? `chromosome ${name}` : "all chromosomes");
    changed();
  };
  $("chromosome").addEventListener("change", () => zoom($("chromosome").value));
  for (const radio of document.getElementsByName("view"))
    radio.addEventListener("change", () => {
      state().view = radio.value;
      skip = 0;
      changed();
    });
  const turn = (name) => zoom(state().chromosome ? "" : name);
  const named = readable(plot, $("readout"), { enter: turn, told: () => showTurn() });
  const showTurn = () => {
    const { chromosome } = state();
    const there = plot.querySelector("svg") !== null;
    $("enlarge").hidden = !there || !(chromosome || named());
    $("enlarge").textContent = chromosome ? "Show all chromosomes" : `Enlarge chromosome ${named()}`;
  };
  $("enlarge").addEventListener("click", () => turn(named()));

  const say = (...content) => {
    asking.abort();
    figure.removeAttribute("aria-busy");
    shown = "";
    wanted = "";
    fill(plot, el("div", { class: "nothing" }, content));
    fill($("plot-links"));
    $("readout").textContent = "";
    showTurn();
  };

  // --- files of the picture

  const save = (blob, name) => {
    const link = el("a", { href: URL.createObjectURL(blob), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  };

  const png = async (svg, name) => {
    const box = svg.viewBox.baseVal;
    const copy = svg.cloneNode(true);
    copy.querySelector(".cursor")?.remove();
    const text = new XMLSerializer().serializeToString(copy);
    const image = new Image();
    image.src = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }));
    await image.decode();
    const scale = Math.min(2, 8000 / Math.max(box.width, box.height)); // of what canvases hold
    const canvas = el("canvas", { width: Math.round(box.width * scale), height: Math.round(box.height * scale) });
    const context = canvas.getContext("2d");
    context.fillStyle = "#fff";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    URL.revokeObjectURL(image.src);
    canvas.toBlob((blob) => save(blob, name), "image/png");
  };

  const links = (svg, found) => {
    const name = `${state().view}${state().chromosome ? `-chr${state().chromosome}` : ""}`;
    const rows = Number(svg.dataset.rows);
    const total = Number(svg.dataset.total);
    const leaf = (by, label) => {
      const go = () => {
        skip += by;
        draw(true);
      };
      return button("quiet", label, go);
    };
    const paging =
      state().view === "samples" && total > rows
        ? el(
            "span",
            { class: "pages" },
            `Samples ${number(skip * ROWS + 1)} to ${number(skip * ROWS + rows)} of ${number(total)} `,
            skip ? leaf(-1, "previous") : null,
            skip * ROWS + rows < total ? leaf(1, "next") : null,
          )
        : null;
    fill(
      $("plot-links"),
      paging,
      el(
        "span",
        {},
        "The data of this picture: ",
        el("a", { href: new URL(found.data, root), download: "", id: "plot-data" }, `${found.format} file`),
      ),
      el(
        "span",
        {},
        "The picture: ",
        el("a", { href: new URL(found.picture, root), download: `${name}.svg`, id: "plot-svg" }, "SVG"),
        " · ",
        button("link", "PNG", () => png(svg, `${name}.png`).catch(failed), { id: "plot-png" }),
      ),
    );
  };

  // --- drawing

  const draw = async (anew = false) => {
    // As wide as there is room for, in steps, so that windows of about the same size have the same picture.
    const width = Math.max(300, Math.min(1600, Math.floor(plot.clientWidth / 20) * 20 || 800));
    const found = addresses(state(), skip);
    const address = `${found.picture}&plotWidth=${width}`;
    if (address === wanted && !anew) return;
    wanted = address;
    asking.abort();
    figure.removeAttribute("aria-busy");
    if (address === shown && !anew) return;
    asking = new AbortController();
    const { signal } = asking;
    figure.setAttribute("aria-busy", "true");
    if (!plot.querySelector("svg")) fill(plot, el("div", { class: "nothing" }, "Drawing …"));
    try {
      const response = await request(address, { signal });
      const svg = new DOMParser().parseFromString(await response.text(), "image/svg+xml").documentElement;
      if (signal.aborted) return;
      if (svg.nodeName !== "svg") throw new Error("the picture is none");
      fill(plot, document.importNode(svg, true));
      shown = address;
      $("readout").textContent = HINT;
      showTurn();
      links(plot.firstElementChild, found);
    } catch (error) {
      if (error.name === "AbortError") return;
      shown = "";
      wanted = "";
      if (error.passing) failed(error);
      else say(`This picture cannot be drawn: ${error.message}.`);
    } finally {
      if (!signal.aborted) figure.removeAttribute("aria-busy");
    }
  };

  let known = null;
  const show = (estimate = known) => {
    if (estimate !== known) skip = 0;
    if (estimate !== known) insisted = false;
    known = estimate;
    const now = state();
    const groups = included(now);
    $("groups-choice").hidden = groups.length < 2;
    if (now.view === "groups" && groups.length < 2) now.view = "histogram";
    for (const radio of document.getElementsByName("view")) radio.checked = radio.value === now.view;
    $("chromosome").value = now.chromosome;
    const by = now.view !== "groups" && variantsText(now); // groups are of codes alone
    $("subject").textContent = by ? `Samples selected by ${by}${now.terms.length ? ", and by their codes" : ""}` : "";
    if (estimate === null) return say("There is no picture of this.");
    const { samples } = estimate;
    if (estimate.granularity !== "record") return say("Of this dataset numbers can be seen, but no pictures and no files.");
    if (samples.count === 0 && samples.exact) return say("No sample matches, so there is nothing to draw.");
    const stored = now.terms.length === 1 && !now.ids.length && !hasVariants(now);
    const large = now.view === "histogram" && samples.count > AT_ONCE && !stored;
    if ((!narrows(now) || large) && !insisted) {
      const go = () => {
        insisted = true;
        show();
      };
      const insist = el(
        "button",
        { type: "button", id: "draw", onclick: go },
        `Draw ${narrows(now) ? "them" : "the whole dataset"}${samples.count && samples.exact ? `, ${counted(samples.count, "sample")}` : ""}`,
      );
      return say(
        el("p", {}, narrows(now) ? "This many samples take a while." : "Choose a diagnosis, and its copy number profile is drawn here."),
        insist,
      );
    }
    return draw();
  };

  let width = 0;
  new ResizeObserver(() => {
    const before = width;
    width = plot.clientWidth;
    if (shown && before && Math.abs(before - width) >= 20) show();
  }).observe(plot);
  return show;
}
