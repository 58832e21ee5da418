// What was chosen.  It is in the page's own URL, in the words of a Beacon's query, and nowhere else.

const LISTS = ["biosampleIds", "individualIds", "analysisIds"];

export const fresh = () => ({
  dataset: "",
  terms: [], // {id, excluded}
  logic: "AND",
  kind: "biosampleIds",
  ids: [],
  place: null, // {name, referenceName, start, end}
  genes: [], // symbols, as a URL names them: a variant in each
  type: "",
  longest: "",
  scope: "samples", // which variants: all of the samples, or those that match
  output: "",
  view: "histogram",
  chromosome: "",
});

/** The state that a URL's query says. */
export function read(search) {
  const said = new URLSearchParams(search);
  const state = fresh();
  const text = (name) => said.get(name) ?? "";
  state.dataset = text("datasetIds");
  for (const item of said.getAll("filters").flatMap((value) => value.split(","))) {
    const id = item.trim().replace(/^!\s*/, "");
    if (id && !state.terms.some((term) => term.id === id)) state.terms.push({ id, excluded: item.trim().startsWith("!") });
  }
  if (text("filterLogic").toUpperCase() === "OR") state.logic = "OR";
  for (const kind of LISTS) {
    if (said.has(kind)) {
      state.kind = kind;
      state.ids = split(text(kind));
    }
  }
  const [start, end] = [text("start"), text("end")].map((value) => (/^\d+$/.test(value) ? Number(value) : null));
  if (said.has("referenceName")) {
    const { referenceName, name } = { referenceName: text("referenceName"), name: text("place") };
    state.place = { name, referenceName, start, end };
  }
  state.genes = split(said.getAll("geneId").join(","));
  state.type = text("variantType");
  state.longest = text("variantMaxLength");
  if (text("scope") === "variants") state.scope = "variants";
  state.output = text("output");
  if (["histogram", "groups", "samples"].includes(text("view"))) state.view = text("view");
  state.chromosome = text("plotChros");
  return state;
}

export const split = (text) => [...new Set(text.split(/[\s,;]+/).filter(Boolean))];

/** Whether anything narrows the samples. */
export const narrows = (state) =>
  state.terms.length > 0 || state.ids.length > 0 || hasVariants(state);

/** Whether variants are asked for. */
export const hasVariants = (state) =>
  state.place !== null || state.genes.length > 0 || state.type !== "" || state.longest !== "";

/** The query's parameters, in a fixed order. */
export function selection(state) {
  const pairs = [];
  const add = (name, value) => value !== "" && value !== null && pairs.push([name, String(value)]);
  add("datasetIds", state.dataset);
  add("filters", state.terms.map((term) => (term.excluded ? "!" : "") + term.id).join(","));
  if (state.logic === "OR" && state.terms.length > 1) add("filterLogic", "OR");
  add(state.kind, state.ids.join(","));
  if (state.place) {
    add("referenceName", state.place.referenceName);
    add("start", state.place.start);
    add("end", state.place.end);
  }
  add("geneId", state.genes.join(","));
  add("variantType", state.type);
  add("variantMaxLength", state.longest);
  return pairs;
}

/** Pairs as a query string; what need not be escaped stays readable. */
export const query = (pairs) =>
  pairs
    .map(([name, value]) => `${name}=${encodeURIComponent(value).replace(/%3A/g, ":").replace(/%2C/g, ",")}`)
    .join("&");

/** The query of the page's own URL. */
export function search(state, defaults) {
  const pairs = selection({ ...state, dataset: state.dataset === defaults.dataset ? "" : state.dataset });
  const add = (name, value, usual) => value && value !== usual && pairs.push([name, value]);
  add("place", state.place?.name, "");
  add("scope", state.scope, "samples");
  add("output", state.output, "");
  add("view", state.view, "histogram");
  add("plotChros", state.chromosome, "");
  return pairs.length ? `?${query(pairs)}` : "";
}

/** The query as the body of a Beacon v2 POST request. */
export function body(state) {
  const parameters = {};
  const add = (name, value) => {
    if (value !== "" && value !== null) parameters[name] = value;
  };
  if (state.place) {
    add("referenceName", state.place.referenceName);
    if (state.place.start !== null) add("start", [state.place.start]);
    if (state.place.end !== null) add("end", [state.place.end]);
  }
  if (state.genes.length) add("geneId", state.genes);
  add("variantType", state.type);
  if (state.longest) add("variantMaxLength", Number(state.longest));
  if (state.dataset) add("datasetIds", [state.dataset]);
  if (state.ids.length) add(state.kind, state.ids);
  const asked = {};
  const filters = state.terms.map(({ id, excluded }) => (excluded ? { id, excluded } : { id }));
  if (filters.length) asked.filters = filters;
  if (state.logic === "OR" && filters.length > 1) asked.filterLogic = "OR";
  if (Object.keys(parameters).length) asked.requestParameters = parameters;
  asked.pagination = { skip: 0, limit: 0 };
  asked.requestedGranularity = "record";
  return JSON.stringify({ meta: { apiVersion: "v2.1.0" }, query: asked }, null, 2);
}
