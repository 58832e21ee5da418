// The page as a whole: one state, its URL, and what is shown of it.

import { $, button, counted, el, fill, number, settled } from "./dom.js";
import { Refused, away, json } from "./api.js";
import { form } from "./choose.js";
import { about, examples, running } from "./know.js";
import { see } from "./see.js";
import { kindOf } from "./terms.js";
import { fresh, narrows, query, read, search, selection, hasVariants } from "./state.js";
import { chosen, isEmpty, offered, sized, take } from "./take.js";

const { title } = document;
const defaults = { dataset: $("dataset").value };
let state = read(location.search);
if (!state.dataset) state.dataset = defaults.dataset;

/** A change: it goes into the URL, and the page follows.  With a value, the state begins anew with that. */
function changed(anew) {
  if (anew) state = { ...fresh(), ...anew };
  const url = search(state, defaults) || location.pathname;
  if (url !== (location.search || location.pathname)) history.pushState(null, "", url);
  refresh();
}

addEventListener("popstate", () => {
  state = { ...read(location.search) };
  if (!state.dataset) state.dataset = defaults.dataset;
  $("ids").value = state.ids.join("\n"); // also where the cursor is in it
  refresh();
});

function failed(error) {
  if (error.name === "AbortError") return;
  if (error instanceof Refused && error.passing) return away(error, anew);
  fill($("notes"), el("p", { class: "note warn", role: "alert" }, `${error.message}.`));
}

const current = () => state;
const showForm = form(current, { changed, failed, identified: anew });
const showPicture = see(current, { changed, failed });
const showFiles = take(current, { changed, failed });

// --- the line of counts

const told = ({ count, exact, exists }, one, many = `${one}s`) => {
  if (count === null) return exists ? `some ${many}` : `no ${one}`;
  if (!exact && count === 0) return `${many}: counting …`;
  return `${exact ? "" : "at least "}${counted(count, one, many)}`;
};

function showLine(estimate) {
  const { samples, variants, matchedVariants } = estimate;
  const formats = offered(estimate, state);
  const format = isEmpty(estimate) ? null : chosen(formats, state);
  fill(
    $("line"),
    el("strong", { id: "samples" }, told(samples, "sample")),
    narrows(state) || !samples.count ? "" : " in the dataset",
    " · ",
    el("span", { id: "variants" }, told(variants, "variant")),
    hasVariants(state) && matchedVariants ? `, of which ${told(matchedVariants, "matches", "match")}` : "",
    format ? el("span", {}, " · ", el("a", { href: "#take" }, `${format.label}: ${sized(format)}`)) : "",
  );
  document.title = narrows(state) && samples.count ? `${told(samples, "sample")}: ${title}` : title;
}

/** A note where ids have no sample; the server names unknown ones only where they are not too many. */
function missing({ count, exact }) {
  const { ids, kind, terms } = state;
  if (kind !== "biosampleIds" || terms.length || hasVariants(state) || !exact || !(count < ids.length)) return null;
  return el("p", { class: "note" }, `Of the ${counted(ids.length, "id")}, ${number(ids.length - count)} have no sample in this dataset.`);
}

/** Codes that are not known, with what may be meant, and warnings. */
function showNotes({ samples, unknown = [], warnings = [] }) {
  const instead = (wrong, right) => () => {
    const term = state.terms.find((each) => each.id === wrong);
    if (term) term.id = right;
    changed();
  };
  const asked = new Set(unknown.map(({ id }) => id));
  fill(
    $("notes"),
    unknown.map(({ id, suggestions = [] }) =>
      el(
        "p",
        { class: "note" },
        `No sample of this dataset has the code ${id}. `,
        suggestions.length ? "Did you mean " : "",
        suggestions.flatMap((each, at) => [
          at ? ", " : "",
          button("link", `${each.label || each.id} (${each.id})`, instead(id, each.id)),
        ]),
        suggestions.length ? "?" : "",
      ),
    ),
    warnings.some((text) => text.startsWith(state.kind)) ? null : missing(samples),
    warnings.filter((text) => ![...asked].some((id) => text.includes(id))).map((text) => el("p", { class: "note" }, text)),
  );
}

/** Where no sample meets all, and some codes are of one kind: an offer of any of them, if that finds some. */
async function offerAny({ samples, unknown = [] }, key, signal) {
  const wrong = new Set(unknown.map(({ id }) => id));
  const kinds = state.terms
    .filter(({ id, excluded }) => !excluded && !wrong.has(id) && !/[<>=]/.test(id))
    .map(({ id }) => kindOf(id));
  if (state.logic === "OR" || samples.exists !== false || new Set(kinds).size === kinds.length) return;
  const any = await json(`gateway/estimate?${query(selection({ ...state, logic: "OR" }))}`, { signal, cache: "no-store" });
  if (key !== query(selection(state)) || any.samples.exists === false) return;
  const choose = () => {
    state.logic = "OR";
    changed();
    document.querySelector("input[name=logic][value=OR]").focus();
  };
  const link = button("link", "Take samples with any of the codes", choose, { id: "any" });
  const offer = ["No sample meets all of this. ", link, ` (${told(any.samples, "sample")}).`];
  $("notes").append(el("p", { class: "note" }, offer));
}

// --- asking

let asking = new AbortController();
let answered = { key: "", estimate: null };
let again = 0;
let roughly = 1000; // milliseconds after which what was not counted to its end is asked again

function show() {
  const { estimate } = answered;
  showLine(estimate);
  showFiles(estimate);
  return showPicture(estimate);
}

const ask = settled(60, async () => {
  asking.abort();
  asking = new AbortController();
  const { signal } = asking;
  const key = query(selection(state));
  try {
    const estimate = await json(`gateway/estimate?${key}`, { signal, cache: "no-store" });
    answered = { key, estimate };
    showNotes(estimate);
    document.documentElement.classList.remove("asking");
    show();
    $("get").inert = false;
    clearTimeout(again);
    const rough = [estimate.samples, estimate.variants, estimate.matchedVariants].some((each) => each && !each.exact && each.count !== null);
    roughly = rough ? Math.min(roughly * 2, 30000) : 1000;
    if (rough) again = setTimeout(() => key === query(selection(state)) && ask(), roughly);
    offerAny(estimate, key, signal).catch(() => {}); // it was an offer
  } catch (error) {
    if (error.name === "AbortError") return;
    document.documentElement.classList.remove("asking");
    answered = { key: "", estimate: null };
    fill($("line"), el("span", { class: "dim" }, error.passing ? "Waiting for the database …" : "This cannot be asked."));
    if (!error.passing) {
      showFiles(null);
      showPicture(null);
    }
    failed(error);
  }
});

let described = "";
async function describe() {
  if (described === state.dataset) return;
  described = state.dataset;
  try {
    for (const { id } of await about(state))
      if (![...$("dataset").options].some((each) => each.value === id)) $("dataset").append(el("option", { value: id }, id));
    $("dataset-field").hidden = $("dataset").options.length < 2;
  } catch (error) {
    described = "";
    failed(error);
  }
}

/** Ask again, though nothing else was chosen: what was answered may hold no more. */
function anew() {
  described = "";
  answered = { key: "", estimate: null };
  refresh();
}

function refresh() {
  showForm();
  describe();
  if (answered.key === query(selection(state)) && answered.estimate) {
    show();
    return;
  }
  document.documentElement.classList.add("asking");
  $("get").inert = true; // it is the file of what was chosen before
  fill($("notes"));
  ask();
}

examples(current);
running(failed);
refresh();
