// The form: dataset, region, variant type, ids.  Codes are in terms.js.

import { $, button, el, fill, number, settled } from "./dom.js";
import { hasToken, json, restricted, setToken } from "./api.js";
import { combobox } from "./combobox.js";
import { query, split } from "./state.js";
import { termChooser } from "./terms.js";

// 9:21900000-22100000, chr9:21,900,000-22,100,000, X
const COORDINATES = /^(?:chr)?([0-9]{1,2}|[XYxy]|MT?)(?:\s*[:\s]\s*([\d,]+)\s*(?:[-–—.]+|\s)\s*([\d,]+))?$/;

export function coordinates(text) {
  const found = COORDINATES.exec(text.trim());
  if (!found) return null;
  const [start, end] = found.slice(2).map((digits) => (digits ? Number(digits.replaceAll(",", "")) : null));
  if (start !== null && start >= end) return null;
  return { name: "", referenceName: found[1].toUpperCase(), start, end };
}

export const placeText = ({ referenceName, start, end }) =>
  start === null ? `chromosome ${referenceName}` : `${referenceName}:${number(start)}${end === null ? "" : `-${number(end)}`}`;

const located = new Map(); // where genes are, by their symbols
const worded = (id) => [...$(id).options].find((each) => each.value === $(id).value)?.textContent ?? $(id).value;

/** The variants that are asked for, in words, their region first; empty where none are. */
export function variantsText({ place, genes, type, longest }) {
  const where = place ? (place.name ? `${place.name} (${placeText(place)})` : placeText(place)) : genes.join(" and ");
  const what = [type && worded("type"), longest && worded("longest")].filter(Boolean).join(", ");
  return where ? `${where}: ${what || "any variant"}` : what;
}

/** The form; `changed` hears of each change of the state, `failed` what went wrong, `identified` of another token. */
export function form(state, { changed, failed, identified }) {
  const showTerms = termChooser(state, { changed, failed });

  $("dataset").addEventListener("change", () => {
    state().dataset = $("dataset").value;
    changed();
  });
  const bound = [
    ["type", "type"],
    ["longest", "longest"],
  ];
  for (const [id, name] of bound)
    $(id).addEventListener("change", () => {
      state()[name] = $(id).value;
      changed();
    });

  // --- a token, where some data need one

  $("access").hidden = !restricted;
  $("token-open").addEventListener("click", () => {
    $("token-field").hidden = false;
    $("token").focus();
  });
  $("token").addEventListener("change", () => {
    setToken($("token").value);
    identified();
  });

  // --- where

  const put = (place) => {
    state().place = place;
    if (place) state().genes = []; // a gene has a place of its own
    changed();
  };
  const named = ({ symbol, referenceName, start, end }) => ({ name: symbol, referenceName, start, end });
  const option = (what) => ({
    value: named(what),
    content: [el("span", { class: "what" }, what.symbol), " ", el("span", { class: "count" }, placeText(what))],
  });

  const places = async (text, signal) => {
    if (!text) return [];
    const exact = coordinates(text);
    const own = exact ? [{ value: exact, content: placeText(exact) }] : [];
    if (exact && exact.start !== null) return own;
    if (!exact && COORDINATES.test(text)) return [{ disabled: true, content: "The end has to be larger than the start." }];
    const asked = query([["text", text], ["limit", "8"]]);
    const [genes, bands] = await Promise.all([
      json(`gateway/genes?${asked}`, { signal }),
      json(`gateway/cytobands?${asked}`, { signal }),
    ]);
    const options = [...own, ...bands.cytobands.filter((band) => band.symbol !== exact?.referenceName).map(option), ...genes.genes.map(option)];
    if (genes.available && options.length) return options;
    const why = genes.available
      ? `There is no gene, cytoband or region “${text}”.`
      : "This server's database has no genes: give a cytoband (9p21) or coordinates (9:21900000-22100000).";
    return [...options, { disabled: true, content: why }];
  };

  combobox($("place"), {
    label: "Places",
    find: places,
    choose: put,
    leave: (text) => {
      const exact = coordinates(text);
      if (exact) put(exact);
      return exact !== null;
    },
    enter: async (text) => {
      const exact = coordinates(text);
      try {
        const first = exact ?? (await places(text)).find((each) => !each.disabled)?.value;
        if (first) put(first);
        return Boolean(first);
      } catch (error) {
        failed(error);
        return false;
      }
    },
    failed,
  });

  const chip = (what, where, remove) => {
    const away = () => {
      $("place").focus();
      remove();
    };
    const content = [el("span", { class: "what" }, what), " ", el("span", { class: "count" }, where)];
    return el("li", { class: "chip" }, content, el("span", { class: "acts" }, button("quiet", "✕", away, { "aria-label": `remove the region ${what}` })));
  };

  /** Where a gene is that a URL has named, once that is known. */
  const whereGene = (symbol) => {
    const key = symbol.toLowerCase();
    if (!located.has(key)) {
      located.set(key, "");
      json(`gateway/genes?${query([["text", symbol.slice(0, 100)], ["limit", "8"]])}`)
        .then(({ genes }) => {
          const found = genes.find((each) => each.symbol.toLowerCase() === key);
          if (!found) return; // which the counts say
          located.set(key, placeText(found));
          showPlace();
        })
        .catch(() => located.delete(key));
    }
    return located.get(key);
  };

  const showPlace = () => {
    const { place, genes } = state();
    const without = (symbol) => () => {
      state().genes = state().genes.filter((each) => each !== symbol);
      changed();
    };
    const chips = genes.map((symbol) => chip(symbol, whereGene(symbol), without(symbol)));
    if (place) chips.unshift(chip(place.name || placeText(place), place.name ? placeText(place) : "", () => put(null)));
    fill(
      $("placed"),
      chips.length ? el("ul", { class: "chips", "aria-label": "Chosen region" }, chips) : null,
      genes.length > 1 ? el("p", { class: "hint" }, "Samples with a variant in each of these genes.") : null,
    );
  };

  // --- ids

  const pasted = () => {
    state().kind = $("kind").value;
    state().ids = split($("ids").value);
    changed();
  };
  $("ids").addEventListener("input", settled(400, pasted));
  $("kind").addEventListener("change", pasted);

  $("clear").addEventListener("click", () => {
    const { dataset } = state();
    changed({ dataset });
  });
  $("form").addEventListener("submit", (event) => event.preventDefault());

  /** Show the state in the form. */
  return () => {
    const now = state();
    if (now.dataset && ![...$("dataset").options].some((each) => each.value === now.dataset))
      $("dataset").append(el("option", { value: now.dataset }, now.dataset));
    if (now.dataset) $("dataset").value = now.dataset;
    $("dataset-field").hidden = $("dataset").options.length < 2;
    for (const [id, name] of bound) {
      const select = $(id);
      if (![...select.options].some((each) => each.value === now[name]))
        select.append(el("option", { value: now[name] }, id === "longest" ? `up to ${number(Number(now[name]))} bases` : now[name]));
      select.value = now[name];
    }
    if (document.activeElement !== $("ids")) $("ids").value = now.ids.join("\n");
    $("kind").value = now.kind;
    if (now.ids.length) $("pasted").open = true;
    $("token-open").textContent = hasToken() ? "Another token" : "I have a token";
    showPlace();
    showTerms();
  };
}
