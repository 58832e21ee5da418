// Codes: found by typing or in their hierarchy, and what was chosen of them.

import { $, button, el, fill, counted, number } from "./dom.js";
import { json } from "./api.js";
import { combobox } from "./combobox.js";
import { query } from "./state.js";

const known = new Map(); // what the dataset says of a code
let knownOf = "";

const of = (state, pairs) => `gateway/terms?${query([...(state.dataset ? [["datasetIds", state.dataset]] : []), ...pairs])}`;

const samples = (count) => (count === null || count === undefined ? "" : counted(count, "sample"));

/** The way down to a term, as text. */
const way = (term) => (term.path?.[0] ?? []).map((above) => above.label || above.id).join(" › ");

function described(term) {
  return [
    el("span", { class: "what" }, term.label || term.id),
    " ",
    el("span", { class: "count" }, samples(term.count)),
    el("span", { class: "more" }, [term.id, way(term)].filter(Boolean).join(" · ")),
  ];
}

/** The part of the form that holds codes; `changed` is called after each change, `failed` with what went wrong. */
export function termChooser(state, { changed, failed }) {
  const input = $("term");

  const add = (term, excluded = false) => {
    if (term.label !== undefined) known.set(term.id, term);
    if (!state().terms.some((chosen) => chosen.id === term.id)) {
      state().terms.push({ id: term.id, excluded });
      changed();
    }
  };

  const found = async (text, signal) => {
    const answer = await json(of(state(), text ? [["text", text], ["limit", "12"]] : [["limit", "12"]]), { signal });
    const options = answer.terms.map((term) => ({ value: term, content: described(term) }));
    if (options.length) return options;
    const near = (answer.suggestions ?? []).map((term) => ({ value: term, content: described(term) }));
    const none = { disabled: true, content: `Nothing is called “${text}”.${near.length ? " Did you mean:" : ""}` };
    return text ? [none, ...near] : [];
  };

  combobox(input, {
    label: "Codes",
    find: found,
    choose: (term) => add(term),
    enter: async (text) => {
      const excluded = text.startsWith("!");
      const plain = text.replace(/^!\s*/, "");
      try {
        const first = (await found(plain)).find((option) => !option.disabled);
        if (/[:>=<-]\w/.test(plain) && first?.value.id !== plain) add({ id: plain }, excluded); // as it is written
        else if (first) add(first.value, excluded);
        else return false;
      } catch (error) {
        failed(error);
        return false;
      }
      return true;
    },
    failed,
  });

  for (const radio of document.getElementsByName("logic"))
    radio.addEventListener("change", () => {
      state().logic = radio.value;
      changed();
    });

  // --- the hierarchy: opened node by node

  const node = (term) => {
    const below = el("ul", { hidden: true });
    const opened = async () => {
      const opening = below.hidden;
      if (opening && !below.children.length) {
        try {
          const { terms } = await json(of(state(), [["below", term.id], ["limit", "100"]]));
          fill(below, terms.map(node));
        } catch (error) {
          return failed(error);
        }
      }
      below.hidden = !opening;
      open.setAttribute("aria-expanded", String(opening));
      open.textContent = opening ? "▾" : "▸";
    };
    const open = button("open", "▸", opened, { "aria-expanded": "false", "aria-label": `What is below ${term.label || term.id}` });
    return el(
      "li",
      {},
      term.children ? open : el("span", { class: "open" }),
      el(
        "span",
        {},
        button("link", term.label || term.id, () => add(term), { title: `choose ${term.id}` }),
        " ",
        el("span", { class: "count" }, number(term.count ?? 0)),
      ),
      below,
    );
  };

  const roots = async () => {
    try {
      const { terms } = await json(of(state(), [["limit", "100"]]));
      const kinds = grouped(terms);
      fill(
        $("tree"),
        [...kinds].map(([name, some]) => [el("h4", {}, name), el("ul", { class: "tree" }, some.map(node))]).flat(),
      );
    } catch (error) {
      failed(error);
    }
  };
  $("browse").addEventListener("toggle", () => $("browse").open && !$("tree").children.length && roots());

  const remove = (id) => {
    state().terms = state().terms.filter((term) => term.id !== id);
    input.focus();
    changed();
  };

  const within = (term, above) => {
    const instead = () => {
      if (state().terms.some((other) => other.id === above.id)) return remove(term.id);
      term.id = above.id;
      changed();
    };
    const link = button("link", above.label || above.id, instead, { title: `choose ${above.id} instead` });
    return el("span", { class: "more" }, "within ", link);
  };

  const acts = (term, name) => {
    const exclude = () => {
      term.excluded = !term.excluded;
      changed();
      [...$("terms").querySelectorAll("button[aria-pressed]")].find((b) => b.dataset.id === term.id)?.focus();
    };
    const pressed = { "aria-pressed": String(term.excluded), "aria-label": `exclude ${name}`, "data-id": term.id };
    return el(
      "span",
      { class: "acts" },
      button("quiet", "exclude", exclude, pressed),
      button("quiet", "✕", () => remove(term.id), { "aria-label": `remove ${name}` }),
    );
  };

  const chip = (term) => {
    const { label, count, path } = known.get(term.id) ?? {};
    const above = (path?.[0] ?? []).slice(-1)[0];
    return el(
      "li",
      { class: term.excluded ? "chip out" : "chip" },
      el("span", { class: "what" }, term.excluded ? "not " : "", label || term.id),
      " ",
      el("span", { class: "count" }, [label ? term.id : "", samples(count)].filter(Boolean).join(" · ")),
      above ? within(term, above) : null,
      acts(term, label || term.id),
    );
  };

  const draw = () => {
    const { terms, logic } = state();
    fill($("terms"), terms.length ? el("ul", { class: "chips", "aria-label": "Chosen codes" }, terms.map(chip)) : null);
    $("logic").hidden = terms.length < 2;
    for (const radio of document.getElementsByName("logic")) radio.checked = radio.value === logic;
  };

  /** Show what is chosen; labels that are not known yet are asked for. */
  return async () => {
    if (knownOf !== state().dataset) {
      known.clear();
      $("tree").replaceChildren();
      if ($("browse").open) roots();
      knownOf = state().dataset;
    }
    draw();
    const missing = state().terms.map((term) => term.id).filter((id) => !known.has(id) && !/[<>=]/.test(id));
    if (!missing.length) return;
    try {
      const answer = await json(of(state(), [["ids", missing.slice(0, 100).join(",")]]));
      for (const id of missing) known.set(id, {});
      for (const term of answer.terms) known.set(term.id, term);
      draw();
    } catch (error) {
      failed(error);
    }
  };
}

/** What kind of code it is, as far as is known. */
export const kindOf = (id) => {
  const { ontology, collationType } = known.get(id) ?? {};
  return ontology || collationType || /^(?:pgx:)?[^:-]*/.exec(id)[0];
};

const kind = (term) => term.ontology || term.collationType || "others";

function grouped(terms) {
  const kinds = new Map();
  for (const term of terms) kinds.set(kind(term), [...(kinds.get(kind(term)) ?? []), term]);
  return kinds;
}
