// Lines for command lines, R and Python that fetch a file by its immutable address, and read it.

import { root, shownRoot } from "./api.js";
import { body, query } from "./state.js";

// How tables are read: quoting off, because texts may hold a quote.
const R = {
  pgxseg: 'read.table(file, header = TRUE, sep = "\\t", quote = "", na.strings = ".",\n  colClasses = c(reference_name = "character", reference_sequence = "character", sequence = "character"))',
  pgxseg2021: 'read.table(file, header = TRUE, sep = "\\t", quote = "", na.strings = ".")',
  pgxfreq: 'read.table(file, header = TRUE, sep = "\\t", quote = "", colClasses = c(reference_name = "character"))',
  pgxmatrix: 'read.table(file, header = TRUE, sep = "\\t", quote = "", row.names = 1, check.names = FALSE)',
  table: 'read.delim(file, quote = "", na.strings = "")',
  seg: 'read.delim(file, quote = "")',
  bed: 'read.table(pipe(paste("grep -v ^track", shQuote(file))), sep = "\\t", quote = "")',
  jsonl: "jsonlite::stream_in(gzcon(file(file, 'rb')))",
  parquet: "arrow::read_parquet(file)",
  arrow: "arrow::read_ipc_stream(file)",
};
const PANDAS = {
  pgxseg: 'pandas.read_csv(url, sep="\\t", comment="#", quoting=3, keep_default_na=False, na_values=".",\n                       dtype={"reference_name": str})',
  pgxfreq: 'pandas.read_csv(url, sep="\\t", comment="#", quoting=3, dtype={"reference_name": str})',
  pgxmatrix: 'pandas.read_csv(url, sep="\\t", comment="#", quoting=3, index_col="analysis_id")',
  table: 'pandas.read_csv(url, sep="\\t", quoting=3, keep_default_na=False, na_values="")',
  seg: 'pandas.read_csv(url, sep="\\t", quoting=3)',
  jsonl: "pandas.read_json(url, lines=True)",
  parquet: "pandas.read_parquet(url)",
};
const POLARS = {
  pgxseg: 'polars.read_csv(url, separator="\\t", comment_prefix="#", quote_char=None, null_values=".",\n                       infer_schema_length=None, schema_overrides={"reference_name": polars.String})',
  pgxfreq: 'polars.read_csv(url, separator="\\t", comment_prefix="#", quote_char=None, infer_schema_length=None,\n                       schema_overrides={"reference_name": polars.String})',
  pgxmatrix: 'polars.read_csv(url, separator="\\t", comment_prefix="#", quote_char=None, infer_schema_length=None)',
  table: 'polars.read_csv(url, separator="\\t", quote_char=None, infer_schema_length=None)',
  seg: 'polars.read_csv(url, separator="\\t", quote_char=None, infer_schema_length=None)',
  jsonl: "polars.read_ndjson(url)",
  parquet: "polars.read_parquet(url)",
};
const ALIKE = { idtable: "table", igv: "seg", valuematrix: "pgxmatrix", pgxseg2021: "pgxseg" };
const way = (ways, output) => ways[output] ?? ways[ALIKE[output]];

// Of an address nothing may mean anything to a shell.
const safe = (url) => url.replace(/[^\w@%+=:,./~-]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** An address of a ticket as it is seen from here: what stands before the gateway may have put a path before it. */
export const here = (address) => new URL(address.slice(address.indexOf("/exports/") + 1), root);
const shown = (address) => safe(new URL(address.slice(address.indexOf("/exports/") + 1), shownRoot).href);

/** Lines by tool, each `{name, text, note}`; without a ticket (no exports are kept) by the live URL. */
export function commands(format, ticket, state) {
  const output = format.output;
  const packed = Boolean(ticket ? ticket.name.endsWith(".gz") : false);
  const url = ticket ? shown(ticket.address) : new URL(format.url, shownRoot).href;
  const name = ticket?.name ?? `${output}.${format.extension}`;
  const base = ticket ? ticket.self.slice(0, ticket.self.indexOf("/exports/")) : "";
  const told = (text) => (base || ticket?.self.startsWith("/") ? text.replaceAll(`${base}/exports/`, `${safe(shownRoot.href)}exports/`) : text);
  const own = Object.entries(ticket?.commands ?? {
    wget: `wget --content-disposition ${quoted(url)}`,
    curl: `curl -fOJ ${quoted(url)}`,
    fetch: `pgx-gateway fetch ${quoted(url)}`,
  });
  const guarded = ticket && !("aria2c" in ticket.commands);
  const line = (tool) => told(own.find(([each]) => each === tool)?.[1] ?? "");
  // Of what is kept alone: a live URL may be another file by then.
  const resumes = (how = "") => (ticket ? `goes on after any break${how}, and compares the checksum` : "");
  const found = [
    ["wget", line("wget"), resumes(" when it is given again")],
    ["curl", line("curl"), resumes()],
    ["aria2c", line("aria2c"), resumes()],
    ["fetch", line("fetch"), "this gateway’s own client (from its source: pip install .); goes on by itself, compares the checksum"],
  ];
  const [r, pandas, polars] = [R, PANDAS, POLARS].map((ways) => way(ways, output));
  const get = guarded
    ? line("R")
    : `options(timeout = 86400)\ndownload.file(${JSON.stringify(url)}, file, mode = "wb", method = "libcurl")`;
  const named = /seg|vcf|bed|arrow|parquet/.test(output) ? "segments" : "data";
  found.push(["R", `file <- ${JSON.stringify(name)}\n${get}${r ? `\n${named} <- ${r}` : ""}`, "base R"]);
  if (output === "pgxseg")
    found.push([
      "pgxRpi",
      `file <- ${JSON.stringify(name)}\n${get}\nloaded <- pgxRpi::pgxSegprocess(file, return_seg = TRUE, return_metadata = TRUE)\nhead(loaded$seg)`,
      "Bioconductor’s package for Progenetix",
    ]);
  const from = guarded ? JSON.stringify(name) : JSON.stringify(url);
  const before = guarded ? "# after one of the other lines has fetched the file\n" : "";
  const python = (library, text) => `import ${library}\n\n${before}url = ${from}\n${named} = ${text}`;
  if (pandas) found.push(["pandas", python("pandas", pandas), packed ? "unpacks by itself" : ""]);
  if (polars && !(packed && output === "jsonl")) found.push(["polars", python("polars", polars), ""]);
  found.push(["Beacon POST", posted(format, state), "the query as a Beacon v2 request body"]);
  return found.filter(([, text]) => text).map(([tool, text, note]) => ({ name: tool, text, note }));
}

function posted(format, state) {
  const path = format.url.split("?")[0];
  const url = new URL(`${path}?${query([["output", format.output]])}`, shownRoot).href;
  return `curl -fOJ -H 'Content-Type: application/json' ${quoted(url)} -d ${quoted(body(state))}`;
}
